use parking_lot::Mutex;

use super::*;
use crate::roster::outlet::Refused;
use crate::wire::link::{Leave, Room};
use crate::wire::output::{Shortcut, corked};
use crate::wire::peer::{Address, Peer};

/// A stream that takes a few bytes at a time, or none, as chance has it; seeded, so that a failure repeats.
struct Narrow {
    sink: Arc<Sink>,
    input: Vec<u8>,
}

struct Sink {
    chance: Mutex<Chance>,
    open: Arc<Mutex<bool>>,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Shortcut for Sink {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut chance = self.chance.lock();
        if !*self.open.lock() || chance.below(4) == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let bytes = slices.iter().flat_map(|slice| slice.iter().copied());
        let before = self.written.lock().len();
        self.written.lock().extend(bytes.take(1 + chance.below(7) as usize));
        Ok(self.written.lock().len() - before)
    }
}

#[derive(Clone)]
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

impl AsyncRead for Narrow {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.input.is_empty() {
            return Poll::Pending;
        }
        let input = std::mem::take(&mut self.input);
        buf.put_slice(&input);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Narrow {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.sink.try_write(&[IoSlice::new(buf)]) {
            Err(_) => Poll::Pending,
            written => Poll::Ready(written),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

struct Bench {
    io: Io<Narrow>,
    link: Arc<Link>,
    open: Arc<Mutex<bool>>,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Bench {
    fn new(seed: u64) -> Self {
        let link = Link::new(Peer::plain(Address::Unix), Room { packets: 1_000, bytes: 1_000_000 });
        let (open, written) = (Arc::new(Mutex::new(true)), Arc::default());
        let chance = Mutex::new(Chance(seed + 1));
        let sink = Arc::new(Sink { chance, open: Arc::clone(&open), written: Arc::clone(&written) });
        if !seed.is_multiple_of(3) {
            link.offer(sink.clone());
        }
        let narrow = Narrow { sink, input: Vec::new() };
        let limits = Config { max_payload: crate::domain::units::ByteSize(1_000), ..Config::default() };
        let io = Io::new(narrow, link.clone(), Arc::new(ArcSwap::from_pointee(limits)));
        Bench { io, link, open, written }
    }

    /// A connection past its upgrade whose gate a first packet has opened.
    fn open(seed: u64) -> Self {
        let mut bench = Bench::new(seed);
        bench.link.enter(Phase::Frames);
        bench.link.hold_behind(b"gate".to_vec());
        bench.write(&text_frame(b"gate"));
        bench
    }

    fn write(&mut self, bytes: &[u8]) -> bool {
        let cx = &mut Context::from_waker(Waker::noop());
        match Pin::new(&mut self.io).poll_write(cx, bytes) {
            Poll::Ready(Ok(len)) => {
                assert_eq!(len, bytes.len(), "all or nothing");
                true
            }
            Poll::Ready(Err(error)) => panic!("{error}"),
            Poll::Pending => false,
        }
    }

    fn read(&mut self) -> Poll<io::Result<Vec<u8>>> {
        let mut space = [0; 4096];
        let mut buf = ReadBuf::new(&mut space);
        let cx = &mut Context::from_waker(Waker::noop());
        Pin::new(&mut self.io).poll_read(cx, &mut buf).map_ok(|()| buf.filled().to_vec())
    }

    fn flush(&mut self) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(&mut Context::from_waker(Waker::noop()))
    }

    /// Polls until nothing waits any more.
    fn settle(&mut self) {
        for _ in 0..100_000 {
            let _ = self.read();
            if self.io.out.is_empty() && self.link.waiting().0 == 0 {
                return;
            }
        }
        panic!("output waits for ever");
    }

    fn payloads(&self) -> Vec<String> {
        let written = self.written.lock();
        let (mut bytes, mut payloads) = (&written[..], Vec::new());
        while !bytes.is_empty() {
            let header = Header::parse(bytes).expect("a whole frame");
            let (frame, rest) = bytes.split_at(header.len + header.payload as usize);
            payloads.push(String::from_utf8_lossy(&frame[header.len..]).into_owned());
            bytes = rest;
        }
        payloads
    }
}

#[test]
fn frames_of_both_paths_arrive_whole_and_in_order() {
    for seed in 0..300 {
        let mut bench = Bench::new(seed);
        let mut chance = Chance(seed * 7 + 3);
        bench.link.enter(Phase::Frames);
        let mut library: Vec<u8> = text_frame(b"before").to_vec();
        library.extend(text_frame(b"gate"));
        bench.link.hold_behind(b"gate".to_vec());
        let (mut of_library, mut pushed) = (0, 0);
        for _ in 0..200 {
            let mut push = |leave| {
                let text = format!("pushed {pushed} {}", "x".repeat(pushed * 3));
                bench.link.push(text_frame(text.as_bytes()), leave).expect("there is room");
                pushed += 1;
            };
            match chance.below(7) {
                0 => {
                    library.extend(text_frame(format!("library {of_library} {}", "y".repeat(of_library)).as_bytes()));
                    of_library += 1;
                }
                1 => push(Leave::Together),
                5 => push(Leave::Now),
                6 => corked(|| (0..3).for_each(|_| push(Leave::Together))).iter().for_each(|link| link.flush()),
                2 if !library.is_empty() => {
                    let piece = 1 + chance.below(library.len() as u64) as usize;
                    if bench.write(&library[..piece]) {
                        library.drain(..piece);
                    }
                }
                3 => drop(bench.flush()),
                _ => drop(bench.read()),
            }
        }
        while !library.is_empty() {
            if bench.write(&library) {
                library.clear();
            }
        }
        bench.settle();
        let payloads = bench.payloads();
        assert_eq!(payloads[..2], ["before", "gate"], "seed {seed}");
        for (path, count) in [("library", of_library), ("pushed", pushed)] {
            let numbers: Vec<_> = payloads.iter().filter(|text| text.starts_with(path)).collect();
            assert_eq!(numbers.len(), count, "seed {seed}: {path}");
            for (n, text) in numbers.iter().enumerate() {
                assert!(text.starts_with(&format!("{path} {n} ")), "seed {seed}: {text}");
            }
        }
        assert_eq!(bench.link.waiting(), (0, 0), "seed {seed}");
        assert_eq!(bench.io.out.library_bytes(), 0, "seed {seed}");
        assert_eq!(bench.link.traffic().frames_out, payloads.len() as u64);
    }
}

#[test]
fn pushed_frames_wait_for_the_gate() {
    let mut bench = Bench::new(1);
    bench.link.enter(Phase::Frames);
    bench.link.hold_behind(b"gate".to_vec());
    bench.link.push(text_frame(b"pushed"), Leave::Together).expect("there is room");
    for _ in 0..100 {
        let _ = bench.read();
    }
    assert!(bench.payloads().is_empty());
    bench.write(&text_frame(b"gate"));
    bench.settle();
    assert_eq!(bench.payloads(), ["gate", "pushed"]);
}

#[test]
fn the_room_is_bounded_and_comes_back() {
    let mut bench = Bench::open(2);
    bench.settle();
    *bench.open.lock() = false;
    let frame = text_frame(&[b'x'; 998]);
    let mut taken = 0;
    while bench.link.push(frame.clone(), Leave::Together).is_ok() {
        taken += 1;
    }
    assert_eq!(taken, 998, "998 frames of 1,002 bytes fit into a million bytes");
    assert_eq!(bench.link.push(frame.clone(), Leave::Together), Err(Refused::Full));
    *bench.open.lock() = true;
    bench.settle();
    assert_eq!(bench.link.waiting(), (0, 0));
    bench.link.push(text_frame(&vec![b'x'; 2_000_000]), Leave::Together).expect("one frame always fits");
}

#[test]
fn a_stall_is_output_that_nobody_takes() {
    let mut bench = Bench::open(3);
    bench.settle();
    let later = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    let _ = bench.read();
    assert!(bench.link.stalled_for(later).is_zero(), "a connection with nothing to write is not stalled");
    *bench.open.lock() = false;
    bench.link.push(text_frame(b"x"), Leave::Together).expect("there is room");
    let _ = bench.read();
    assert!(bench.link.stalled_for(later).as_secs() >= 59);
    assert!(bench.link.is_overdue(later, std::time::Duration::from_secs(20)));
    *bench.open.lock() = true;
    bench.settle();
    assert!(bench.link.stalled_for(later).is_zero());
}

#[test]
fn a_cut_ends_both_sides_and_frees_what_waited() {
    let mut bench = Bench::open(4);
    bench.settle();
    *bench.open.lock() = false;
    let frame = text_frame(b"x");
    bench.link.push(frame.clone(), Leave::Together).expect("there is room");
    let _ = bench.read();
    bench.link.push(frame.clone(), Leave::Together).expect("there is room");
    bench.link.cut();
    assert!(matches!(bench.read(), Poll::Ready(Err(_))));
    assert!(matches!(bench.flush(), Poll::Ready(Err(_))));
    assert!(bench.io.out.is_empty());
    assert!(frame.is_unique(), "no queue holds the frame any more");
    assert_eq!(bench.link.push(frame, Leave::Together), Err(Refused::Closed));
}

#[test]
fn an_oversized_frame_is_answered_and_never_delivered() {
    let mut bench = Bench::open(5);
    bench.settle();
    bench.io.inner.input = vec![0x81, 0x81, 1, 2, 3, 4, 5, 0x81, 0xfe, 0x03, 0xe9, 1, 2, 3, 4, 0, 0];
    assert!(matches!(bench.read(), Poll::Ready(Ok(bytes)) if bytes == [0x81, 0x81, 0, 0, 0, 0, 5 ^ 1]));
    bench.io.inner.input = vec![0; 500];
    assert!(bench.read().is_pending());
    bench.link.push(text_frame(b"late"), Leave::Together).expect_err("it is ending");
    for _ in 0..100 {
        assert!(bench.read().is_pending(), "nothing of it is delivered");
    }
    let written = bench.written.lock();
    assert!(written.ends_with(b"\x88\x18\x03\xf1the message is too big"));
}

#[test]
fn frames_that_come_with_the_request_are_not_hyper_s() {
    let mut bench = Bench::new(6);
    bench.io.inner.input = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n\x81\x80\x01\x02\x03\x04".to_vec();
    assert!(matches!(bench.read(), Poll::Ready(Ok(head)) if head.ends_with(b"websocket\r\n\r\n")));
    bench.link.enter(Phase::Asked);
    assert!(bench.read().is_pending());
    bench.link.enter(Phase::Granted);
    let mut head = &b"HTTP/1.1 101 Switching Protocols\r\n\r\n"[..];
    while !head.is_empty() {
        let cx = &mut Context::from_waker(Waker::noop());
        if let Poll::Ready(written) = Pin::new(&mut bench.io).poll_write(cx, head) {
            head = &head[written.expect("the stream is open")..];
        }
    }
    assert_eq!(bench.link.phase(), Phase::Frames);
    assert!(matches!(bench.read(), Poll::Ready(Ok(frame)) if frame == [0x81, 0x80, 0, 0, 0, 0]));
    assert_eq!(bench.link.traffic().frames_in, 1);
}

#[test]
fn the_first_ping_is_answered_here_and_before_all_that_the_client_sends() {
    let mut bench = Bench::new(7);
    bench.link.enter(Phase::Frames);
    bench.write(&text_frame(br#"0{"sid":"AA9AAA0AAzAAAAHs","upgrades":[],"maxPayload":1099511627776}"#));
    let ping = [0x81, 0x81, 1, 2, 3, 4, b'2' ^ 1];
    bench.io.inner.input = ping.to_vec();
    assert!(bench.read().is_pending(), "the client waits");
    bench.write(&text_frame(handshake::PING));
    assert!(matches!(bench.read(), Poll::Ready(Ok(bytes)) if bytes == [0x81, 0x81, 0, 0, 0, 0, b'3']));
    assert!(matches!(bench.read(), Poll::Ready(Ok(bytes)) if bytes == [0x81, 0x81, 0, 0, 0, 0, b'2']));
    bench.write(&text_frame(handshake::PING));
    bench.settle();
    assert_eq!(bench.payloads()[1..], ["2"], "the next one is the client's to answer");
}
