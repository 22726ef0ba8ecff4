//! The versions of the Engine.IO protocol, as far as they differ here: who sends PINGs, and how one HTTP body holds
//! several packets.

/// A version of the protocol, as requests name it in `EIO`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// That of Socket.IO 2 and below: its clients send the PINGs, and join the main namespace without a word.
    V3,
    V4,
}

impl Version {
    /// Read as the library reads it: a request must not be of one version to it and of another one here.
    pub fn of(query: &str) -> Option<Self> {
        let named = query.split('&').find(|pair| pair.starts_with("EIO="));
        match named.and_then(|pair| pair.split('=').nth(1)) {
            Some("3") => Some(Version::V3),
            Some("4") => Some(Version::V4),
            _ => None,
        }
    }

    /// The packets in a text body.
    pub fn packets(self, body: &[u8]) -> Vec<&[u8]> {
        match self {
            Version::V4 => body.split(|byte| *byte == 0x1e).collect(),
            Version::V3 => {
                let mut rest = std::str::from_utf8(body).unwrap_or_default();
                std::iter::from_fn(|| {
                    let (packet, behind) = first(rest)?;
                    rest = behind;
                    Some(packet.as_bytes())
                })
                .collect()
            }
        }
    }

    /// A text body with this one packet.
    pub fn body(self, packet: &str) -> String {
        match self {
            Version::V3 => format!("{}:{packet}", packet.encode_utf16().count()),
            Version::V4 => packet.to_owned(),
        }
    }
}

/// Splits `length:packet` off. JavaScript counts the length, in the units of its strings.
fn first(body: &str) -> Option<(&str, &str)> {
    let (len, rest) = body.split_once(':')?;
    let len = len.parse::<usize>().ok()?;
    let mut units = 0;
    let behind = rest.char_indices().find(|(_, letter)| {
        let is_behind = units >= len;
        units += letter.len_utf16();
        is_behind
    });
    Some(rest.split_at(behind.map_or(rest.len(), |(at, _)| at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_its_version_once() {
        for (query, version) in [
            ("EIO=4&transport=polling", Some(Version::V4)),
            ("token=x&EIO=3", Some(Version::V3)),
            ("EIO=3&EIO=4", Some(Version::V3)),
            ("EIO=5", None),
            ("EIO=", None),
            ("EIO=3x", None),
            ("xEIO=3", None),
            ("", None),
        ] {
            assert_eq!(Version::of(query), version, "{query}");
        }
    }

    #[test]
    fn packets_come_back_out_of_their_body() {
        let packets = ["40", "42[\"x\",\"1:2\"]", "42[\"Grüße 👋🏽\"]", "2", ""];
        let v3 = packets.map(|packet| Version::V3.body(packet)).concat();
        assert!(v3.starts_with("2:4013:42["), "{v3}");
        assert_eq!(Version::V3.packets(v3.as_bytes()), packets.map(str::as_bytes));
        assert_eq!(Version::V4.packets(packets.join("\x1e").as_bytes()), packets.map(str::as_bytes));
        for broken in ["x", "2", "2x:40", ":40", "-1:4"] {
            assert!(Version::V3.packets(broken.as_bytes()).is_empty(), "{broken}");
        }
    }
}
