//! The text formats of Prometheus: version 0.0.4, and OpenMetrics 1.0 where the scraper asks for it.

use std::fmt::Write;

use crate::meter::Distribution;

/// Which of the two is written. They differ in the names of counters, in units, and at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Plain,
    OpenMetrics,
}

impl Format {
    /// What a scraper with this `Accept` header reads.
    pub fn accepted(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") { Format::OpenMetrics } else { Format::Plain }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Format::Plain => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    /// Of times, recorded in microseconds and told in seconds.
    Times,
    /// Of whole numbers.
    Sizes,
}

/// A metric and what it means; that of a counter ends in `_total`.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    pub name: &'static str,
    pub kind: Kind,
    pub help: &'static str,
}

/// Powers of two of microseconds: from 128 µs to 8.4 s, and of whole numbers: up to 32,767.
const TIMES: std::ops::RangeInclusive<u32> = 7..=23;
const SIZES: std::ops::RangeInclusive<u32> = 1..=15;

pub struct Text {
    format: Format,
    text: String,
}

impl Text {
    pub fn new(format: Format) -> Self {
        Text { format, text: String::with_capacity(16 * 1024) }
    }

    /// Begins a family; its samples follow.
    pub fn family(&mut self, family: &'static Family) -> Samples<'_> {
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Times | Kind::Sizes => "histogram",
        };
        let name = match (self.format, family.kind) {
            (Format::OpenMetrics, Kind::Counter) => family.name.strip_suffix("_total").unwrap_or(family.name),
            _ => family.name,
        };
        self.line(format_args!("# HELP {name} {}", family.help));
        self.line(format_args!("# TYPE {name} {kind}"));
        Samples { text: self, family }
    }

    pub fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.line(format_args!("# EOF"));
        }
        self.text
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{line}").expect("a string takes all that is written");
    }
}

/// The samples of one family.
pub struct Samples<'a> {
    text: &'a mut Text,
    family: &'static Family,
}

impl Samples<'_> {
    pub fn value(&mut self, value: impl Into<Value>) {
        self.labelled(&[], value);
    }

    pub fn labelled(&mut self, labels: &[(&str, &str)], value: impl Into<Value>) {
        let (name, labels, value) = (self.family.name, Labels(labels), value.into());
        self.text.line(format_args!("{name}{labels} {value}"));
    }

    pub fn distribution(&mut self, found: &Distribution) {
        let name = self.family.name;
        let is_time = self.family.kind == Kind::Times;
        for power in if is_time { TIMES } else { SIZES } {
            // Whole numbers below a power of two are at most one less.
            let bound = if is_time { seconds(1 << power) } else { ((1_u64 << power) - 1) as f64 };
            self.text.line(format_args!("{name}_bucket{{le=\"{bound:?}\"}} {}", found.below(1 << power)));
        }
        let count = found.count();
        self.text.line(format_args!("{name}_bucket{{le=\"+Inf\"}} {count}"));
        let sum = if is_time { Value::Real(seconds(found.sum)) } else { Value::Whole(found.sum) };
        self.text.line(format_args!("{name}_sum {sum}"));
        self.text.line(format_args!("{name}_count {count}"));
    }
}

pub fn seconds(micros: u64) -> f64 {
    micros as f64 / 1_000_000.0
}

#[derive(Clone, Copy, Debug)]
pub enum Value {
    Whole(u64),
    Real(f64),
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Value::Whole(value)
    }
}

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        Value::Whole(value as u64)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Value::Real(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Whole(value.into())
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Whole(value) => value.fmt(f),
            Value::Real(value) => value.fmt(f),
        }
    }
}

struct Labels<'a>(&'a [(&'a str, &'a str)]);

impl std::fmt::Display for Labels<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut before = '{';
        for (name, value) in self.0 {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            write!(f, "{before}{name}=\"{value}\"")?;
            before = ',';
        }
        if self.0.is_empty() { Ok(()) } else { f.write_char('}') }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::meter::Histogram;

    const DONE: Family = Family { name: "done_total", kind: Kind::Counter, help: "Work." };
    const TOOK: Family = Family { name: "took_seconds", kind: Kind::Times, help: "Time." };

    fn written(format: Format) -> String {
        let mut text = Text::new(format);
        text.family(&DONE).labelled(&[("by", "a \"b\"\n\\")], 3_u64);
        let took = Histogram::default();
        took.record_time(Duration::from_micros(100));
        took.record_time(Duration::from_secs(20));
        text.family(&TOOK).distribution(&took.now());
        text.finish()
    }

    #[test]
    fn both_formats_name_a_counter_as_they_should() {
        let plain = written(Format::accepted("text/plain"));
        let head = "# HELP done_total Work.\n# TYPE done_total counter\ndone_total{by=\"a \\\"b\\\"\\n\\\\\"} 3\n";
        assert!(plain.starts_with(head), "{plain}");
        let open = written(Format::accepted("application/openmetrics-text;version=1.0.0,text/plain;q=0.5"));
        assert!(open.starts_with("# HELP done Work.\n# TYPE done counter\ndone_total{by="), "{open}");
        assert!(open.ends_with("# EOF\n"));
    }

    #[test]
    fn buckets_hold_what_is_below_them() {
        let plain = written(Format::Plain);
        for line in [
            "took_seconds_bucket{le=\"0.000128\"} 1",
            "took_seconds_bucket{le=\"8.388608\"} 1",
            "took_seconds_bucket{le=\"+Inf\"} 2",
            "took_seconds_sum 20.0001",
            "took_seconds_count 2",
        ] {
            assert!(plain.lines().any(|found| found == line), "{line} in {plain}");
        }
    }
}
