//! Log lines as JSON objects: `timestamp`, `level`, `target`, `message`, then the fields of the event and of the spans
//! around it, all on one level under their dotted names.

use std::io::Write;

use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, Scope};

use crate::domain::time::Time;

/// Writes one line per event.
pub struct JsonLines<W>(pub W);

/// The fields of a span or of an event, few and in the order in which they were recorded. Every connection keeps those of
/// its span.
#[derive(Default)]
struct Fields(Vec<(&'static str, Value)>);

impl<S, W> Layer<S> for JsonLines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        fields.0.shrink_to_fit();
        if let Some(span) = context.span(id) {
            // Another layer of this kind may have left the same.
            span.extensions_mut().replace(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context.event_scope(event).into_iter().flat_map(Scope::from_root) {
            if let Some(outer) = span.extensions().get::<Fields>() {
                outer.0.iter().for_each(|(name, value)| fields.set(name, value.clone()));
            }
        }
        event.record(&mut fields);
        // There is nowhere left to report that the log cannot be written.
        let _ = self.0.make_writer().write_all(&line(Time::now(), event.metadata(), fields));
    }
}

fn line(at: Time, metadata: &Metadata<'_>, Fields(fields): Fields) -> Vec<u8> {
    let message = fields.iter().find(|(name, _)| *name == "message").map(|(_, message)| message);
    let mut line = Vec::with_capacity(256);
    let written = serde_json::Serializer::new(&mut line).serialize_map(None).and_then(|mut map| {
        map.serialize_entry("timestamp", &at.to_string())?;
        map.serialize_entry("level", metadata.level().as_str())?;
        map.serialize_entry("target", metadata.target())?;
        map.serialize_entry("message", &message)?;
        let reserved = ["timestamp", "level", "target", "message"];
        for (name, value) in fields.iter().filter(|(name, _)| !reserved.contains(name)) {
            map.serialize_entry(name, value)?;
        }
        map.end()
    });
    debug_assert!(written.is_ok(), "text keys and JSON values always serialise");
    line.push(b'\n');
    line
}

impl Fields {
    /// A later value takes the place of an earlier one.
    fn set(&mut self, name: &'static str, value: Value) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.0.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field.name(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.set(field.name(), format!("{value:?}").into());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_has_the_fields_of_its_spans_on_one_level() {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::registry().with(JsonLines(move || writer.clone()));
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("connection", connection.id = "c1", user.id = tracing::field::Empty);
            span.record("user.id", "ada");
            let _entered = span.enter();
            tracing::warn!(queue.len = 3, level = "mine", "slow\nconsumer");
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1);
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["message"], "slow\nconsumer");
        assert_eq!(
            (&line["level"], &line["connection.id"], &line["user.id"]),
            (&"WARN".into(), &"c1".into(), &"ada".into())
        );
        assert_eq!(line["queue.len"], 3);
        assert!(text.starts_with("{\"timestamp\":\"2"), "{text}");
    }
}
