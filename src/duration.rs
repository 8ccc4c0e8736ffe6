//! Durations as timeout(1) and humantime spell them, and short ways to show them.
#![forbid(unsafe_code)]

use std::fmt;
use std::time::Duration;

/// Why a text is no duration, in words that follow "…: ".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidDuration {
    reason: &'static str,
    /// What may have been meant.
    meant: Option<String>,
}

impl InvalidDuration {
    fn new(reason: &'static str) -> Self {
        Self { reason, meant: None }
    }
}

impl fmt::Display for InvalidDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.meant {
            Some(meant) => write!(f, "did you mean {meant}? {}", self.reason),
            None => f.write_str(self.reason),
        }
    }
}

const EXPECTED: &str = "expected a number and a unit, such as 30s, 1.5m, 2h, 1d, 500ms or 1h30m";

/// Reads a duration: timeout(1)'s grammar first (a floating-point number as strtod(3) reads it,
/// then at most one of `s`, `m`, `h`, `d`; no unit means seconds), then humantime's
/// (`1h30m`, `2min 5s`, `500ms`).
///
/// What is too large becomes [`Duration::MAX`], what is too small 1 ns; only a real zero is zero.
pub fn parse(text: &str) -> Result<Duration, InvalidDuration> {
    read(text).map_err(|error| InvalidDuration { meant: meant_by(text), ..error })
}

fn read(text: &str) -> Result<Duration, InvalidDuration> {
    number_with_unit(text).unwrap_or_else(|| human(text))
}

/// A duration that differs from the text in case, a decimal comma or the room before a unit only.
fn meant_by(text: &str) -> Option<String> {
    let meant = text.to_ascii_lowercase().replace(',', ".").replace(' ', "");
    // Somebody may well have meant months.
    let is_clear = !text.contains('M') && meant != text && read(&meant).is_ok();
    is_clear.then_some(meant)
}

/// timeout(1)'s grammar; `None` where the text is of another form.
fn number_with_unit(text: &str) -> Option<Result<Duration, InvalidDuration>> {
    let text = text.trim_start();
    let (negative, magnitude) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    let (number, seconds_per_unit) = split_unit(magnitude);
    let number = read_float(number)?;
    if negative && !number.zero {
        return Some(Err(InvalidDuration::new("a duration cannot be negative")));
    }
    Some(Ok(to_duration(&number, seconds_per_unit)))
}

/// A magnitude, which may be infinite; `zero` tells a true zero from one that was too small.
struct Float {
    value: f64,
    zero: bool,
}

/// Cuts off a unit. In a hexadecimal number `d` is a digit: `0x0.1d` has no unit.
fn split_unit(text: &str) -> (&str, f64) {
    let hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    let has_exponent = text.contains(['p', 'P']);
    let units = [('s', 1.0), ('m', 60.0), ('h', 3600.0), ('d', 86400.0)];
    for (unit, seconds) in units {
        if let Some(number) = text.strip_suffix(unit) {
            if unit == 'd' && hexadecimal && !has_exponent {
                break;
            }
            return (number, seconds);
        }
    }
    (text, 1.0)
}

/// An unsigned number as strtod(3) reads it, all of the text; `None` where it is none.
fn read_float(text: &str) -> Option<Float> {
    if text.eq_ignore_ascii_case("inf") || text.eq_ignore_ascii_case("infinity") {
        return Some(Float { value: f64::INFINITY, zero: false });
    }
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return read_hexadecimal(digits);
    }
    if !text.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
    Some(Float {
        value: text.parse().ok()?,
        zero: !mantissa.contains(|c| ('1'..='9').contains(&c)),
    })
}

/// C99's hexadecimal floating-point number after its `0x`: `1p4` is 16, `.8` a half.
fn read_hexadecimal(text: &str) -> Option<Float> {
    let (mantissa, exponent) = match text.split_once(['p', 'P']) {
        Some((mantissa, exponent)) => (mantissa, read_exponent(exponent)?),
        None => (text, 0.0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0.0;
    let mut zero = true;
    for digit in whole.chars().chain(fraction.chars()) {
        let digit = digit.to_digit(16)?;
        zero &= digit == 0;
        value = value * 16.0 + f64::from(digit);
    }
    let value = if zero { 0.0 } else { value * (exponent - 4.0 * fraction.len() as f64).exp2() };
    Some(Float { value, zero })
}

/// A decimal exponent with an optional sign, however long.
fn read_exponent(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let well_formed = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    well_formed.then(|| text.parse().ok())?
}

fn to_duration(number: &Float, seconds_per_unit: f64) -> Duration {
    if number.zero {
        return Duration::ZERO;
    }
    match Duration::try_from_secs_f64(number.value * seconds_per_unit) {
        Ok(duration) => duration.max(Duration::from_nanos(1)),
        Err(_) => Duration::MAX,
    }
}

/// humantime's grammar, but for `M`, which it takes for months where many mean minutes.
fn human(text: &str) -> Result<Duration, InvalidDuration> {
    let lone_capital_m = text.split(|c: char| !c.is_alphabetic()).any(|unit| unit == "M");
    if lone_capital_m {
        return Err(InvalidDuration::new("M may mean minutes or months; write m or months"));
    }
    match humantime::parse_duration(text) {
        Ok(duration) => Ok(duration),
        Err(humantime::DurationError::NumberOverflow) => Ok(Duration::MAX),
        Err(_) => Err(InvalidDuration::new(EXPECTED)),
    }
}

/// A duration that a user has set, as humantime shows it: `1h 30m`, `500ms`.
pub fn show_exact(duration: Duration) -> impl fmt::Display {
    humantime::format_duration(duration)
}

/// A duration that was measured, with as many digits as are worth reading: `0.6 ms`, `12 ms`,
/// `10.3 s`.
pub fn show_measured(duration: Duration) -> String {
    if duration < Duration::from_millis(10) {
        format!("{:.1} ms", duration.as_secs_f64() * 1e3)
    } else if duration < Duration::from_secs(1) {
        format!("{} ms", duration.as_millis())
    } else if duration < Duration::from_mins(1) {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        show_exact(Duration::from_secs(duration.as_secs())).to_string()
    }
}

/// How old something is, with its two greatest units: `0.3 s`, `2m 5s`, `1h 30m`, `12days 4h`.
pub fn show_age(age: Duration) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let seconds = age.as_secs();
    let least = match seconds {
        0..MINUTE => return format!("{:.1} s", age.as_secs_f64()),
        MINUTE..HOUR => 1,
        HOUR..DAY => MINUTE,
        _ => HOUR,
    };
    show_exact(Duration::from_secs(seconds - seconds % least)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_spelling_is_read() {
        let millis = Duration::from_millis;
        for (text, expected) in [
            ("30", millis(30_000)),
            ("30s", millis(30_000)),
            (".5", millis(500)),
            ("5.", millis(5_000)),
            ("1.5m", millis(90_000)),
            ("2h", millis(7_200_000)),
            ("1d", millis(86_400_000)),
            ("1e3", millis(1_000_000)),
            ("1e3s", millis(1_000_000)),
            ("1E-1s", millis(100)),
            ("0x1p4", millis(16_000)),
            ("0x.8", millis(500)),
            ("0x1s", millis(1_000)),
            ("0x1p1d", millis(172_800_000)),
            ("0x0.1d", Duration::from_secs_f64(29.0 / 256.0)),
            (" 5", millis(5_000)),
            ("+5", millis(5_000)),
            ("30.1", millis(30_100)),
            ("1h30m", millis(5_400_000)),
            ("2min 5s", millis(125_000)),
            ("500ms", millis(500)),
            ("0", Duration::ZERO),
            ("0s", Duration::ZERO),
            ("-0", Duration::ZERO),
            ("0e9999", Duration::ZERO),
            ("0x0", Duration::ZERO),
            ("0x0p9999", Duration::ZERO),
            ("1e-10000", Duration::from_nanos(1)),
            ("1e-12", Duration::from_nanos(1)),
            ("0x1p-99999", Duration::from_nanos(1)),
            ("1ns", Duration::from_nanos(1)),
            ("inf", Duration::MAX),
            ("INFINITY", Duration::MAX),
            ("infd", Duration::MAX),
            ("1e10000", Duration::MAX),
            ("1e10000d", Duration::MAX),
            ("0x1p99999", Duration::MAX),
            ("99999999999999999999", Duration::MAX),
            ("99999999999999999999years", Duration::MAX),
        ] {
            assert_eq!(parse(text), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let wrong = [
            "",
            " ",
            "42D",
            "1ss",
            "-0.1",
            " -1e-10000",
            "-1",
            "-inf",
            "nan",
            "1e",
            "1e+",
            ".",
            "1_0",
            "0x",
            "0x.",
            "0x.p1",
            "0x1p",
            "0xg",
            "inf s",
            "1,5",
            "0b1",
            "s",
            "ms",
            "5S",
            "--1",
            "+-1",
            "1x",
            "٣",
            "1M",
            "1m5M",
            "five",
            "1e5e5",
            "1h-30m",
        ];
        for text in wrong {
            assert!(parse(text).is_err(), "{text:?} was read as {:?}", parse(text));
        }
    }

    #[test]
    fn what_may_have_been_meant_is_said() {
        for (text, meant) in [
            ("5S", "5s"),
            ("5 S", "5s"),
            ("42D", "42d"),
            ("1H30m", "1h30m"),
            ("1,5", "1.5"),
            ("1,5 h", "1.5h"),
        ] {
            assert_eq!(parse(text).unwrap_err().meant.as_deref(), Some(meant), "{text}");
        }
        for text in ["1M", "1H30M", "5x", "", "git", "-5"] {
            assert_eq!(parse(text).unwrap_err().meant, None, "{text}");
        }
    }

    #[test]
    fn a_measured_duration_is_short() {
        assert_eq!(show_measured(Duration::from_micros(900)), "0.9 ms");
        assert_eq!(show_measured(Duration::from_millis(12)), "12 ms");
        assert_eq!(show_measured(Duration::from_millis(10_340)), "10.3 s");
        assert_eq!(show_measured(Duration::from_millis(61_900)), "1m 1s");
    }

    #[test]
    fn an_age_has_two_units() {
        for (seconds, expected) in [
            (0, "0.0 s"),
            (59, "59.0 s"),
            (125, "2m 5s"),
            (3_600, "1h"),
            (5_425, "1h 30m"),
            (86_400 * 12 + 4 * 3_600 + 61, "12days 4h"),
        ] {
            assert_eq!(show_age(Duration::from_secs(seconds)), expected);
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,12}") {
            let _ = parse(&text);
        }

        #[test]
        fn nothing_that_looks_like_a_number_panics(text in "[-+0-9a-fxpe.smhdMinfty ]{0,16}") {
            let _ = parse(&text);
        }

        #[test]
        fn what_is_shown_can_be_read_back(seconds in 1u64..1_000_000_000, nanos in 0u32..1_000_000_000) {
            let duration = Duration::new(seconds, nanos);
            prop_assert_eq!(parse(&show_exact(duration).to_string()), Ok(duration));
        }
    }
}
