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
    // Three digits behind a comma may be thousands.
    let thousands = text
        .split(',')
        .skip(1)
        .any(|rest| rest.bytes().take_while(u8::is_ascii_digit).count() == 3);
    let is_clear = !thousands && !text.contains('M') && meant != text && read(&meant).is_ok();
    is_clear.then_some(meant)
}

/// timeout(1)'s grammar; `None` where the text is of another form.
fn number_with_unit(text: &str) -> Option<Result<Duration, InvalidDuration>> {
    let text = text.trim_start();
    let (negative, magnitude) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    let (number, unit) = split_unit(magnitude);
    let number = Number::read(number)?;
    if negative && number.mantissa != 0 {
        return Some(Err(InvalidDuration::new("a duration cannot be negative")));
    }
    Some(Ok(number.times(unit)))
}

/// Cuts off a unit, and says how many seconds it has. In a hexadecimal number `d` is a digit:
/// `0x0.1d` has no unit.
fn split_unit(text: &str) -> (&str, u32) {
    let hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    let has_exponent = text.contains(['p', 'P']);
    for (unit, seconds) in [('s', 1), ('m', 60), ('h', 3600), ('d', 86400)] {
        if let Some(number) = text.strip_suffix(unit) {
            if unit == 'd' && hexadecimal && !has_exponent {
                break;
            }
            return (number, seconds);
        }
    }
    (text, 1)
}

/// An unsigned number as it is written, exactly but for digits behind the nineteenth: the mantissa
/// times the base to the power of the exponent.
#[derive(Clone, Copy, Debug)]
struct Number {
    mantissa: u128,
    base: u8,
    exponent: i64,
}

impl Number {
    /// What is more than any duration.
    const INFINITY: Self = Self { mantissa: 1, base: 10, exponent: i64::MAX };

    /// Up to here a mantissa takes one more digit.
    const ENOUGH: u128 = u64::MAX as u128;

    /// An unsigned number as strtod(3) reads it, all of the text; `None` where it is none.
    fn read(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("inf") || text.eq_ignore_ascii_case("infinity") {
            return Some(Self::INFINITY);
        }
        match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            // C99's: `0x1p4` is 16, `0x.8` a half; a digit is four binary ones.
            Some(digits) => Self::read_digits(digits, 16, ['p', 'P'], (2, 4)),
            None => Self::read_digits(text, 10, ['e', 'E'], (10, 1)),
        }
    }

    /// Reads digits with this radix, and the exponent behind one of these letters; a digit is so many
    /// of the base's.
    fn read_digits(
        text: &str,
        radix: u32,
        letters: [char; 2],
        (base, width): (u8, i64),
    ) -> Option<Self> {
        let (digits, exponent) = match text.split_once(letters) {
            Some((digits, exponent)) => (digits, read_exponent(exponent)?),
            None => (text, 0),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let mut number = Self { mantissa: 0, base, exponent };
        let whole = whole.chars().map(|digit| (digit, false));
        for (digit, in_fraction) in whole.chain(fraction.chars().map(|digit| (digit, true))) {
            let digit = digit.to_digit(radix)?;
            let fits = number.mantissa <= Self::ENOUGH;
            if fits {
                number.mantissa = number.mantissa * u128::from(radix) + u128::from(digit);
            }
            let moved = match (fits, in_fraction) {
                (true, true) => -width,
                (false, false) => width,
                _ => 0,
            };
            number.exponent = number.exponent.saturating_add(moved);
        }
        Some(number)
    }

    /// So many times a unit of this many seconds; a part of a nanosecond counts as a whole one.
    fn times(self, seconds: u32) -> Duration {
        // Less than 2^68 times less than 2^47.
        let mut nanos = self.mantissa * u128::from(seconds) * NANOS_PER_SECOND;
        let mut is_exact = true;
        // Either ends after as many steps as there are bits, at the latest.
        for _ in 0..self.exponent.unsigned_abs() {
            if nanos == 0 {
                break;
            }
            if self.exponent > 0 {
                let Some(more) = nanos.checked_mul(self.base.into()) else { return Duration::MAX };
                nanos = more;
            } else {
                is_exact &= nanos.is_multiple_of(self.base.into());
                nanos /= u128::from(self.base);
            }
        }
        nanos += u128::from(!is_exact);
        let subsec = (nanos % NANOS_PER_SECOND) as u32;
        u64::try_from(nanos / NANOS_PER_SECOND)
            .map_or(Duration::MAX, |seconds| Duration::new(seconds, subsec))
    }
}

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// An exponent with an optional sign, however long.
fn read_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let well_formed = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    // What is too long for a number is too much for any duration.
    let exponent = digits.parse().unwrap_or(i64::MAX);
    well_formed.then_some(if text.starts_with('-') { -exponent } else { exponent })
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
        format!("{} ms", tenths(duration, 100_000))
    } else if duration < Duration::from_secs(1) {
        format!("{} ms", duration.as_millis())
    } else if duration < Duration::from_mins(1) {
        format!("{} s", tenths(duration, 100_000_000))
    } else {
        show_exact(Duration::from_secs(duration.as_secs())).to_string()
    }
}

/// So many nanoseconds are a tenth of the unit: `12.3`.
fn tenths(duration: Duration, nanos: u128) -> String {
    let tenths = (duration.as_nanos() + nanos / 2) / nanos;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// How old something is, with its two greatest units: `0.3 s`, `2m 5s`, `1h 30m`, `12days 4h`.
pub fn show_age(age: Duration) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let seconds = age.as_secs();
    let least = match seconds {
        0..MINUTE => return format!("{} s", tenths(age, 100_000_000)),
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
            ("1.0000000001", Duration::new(1, 1)),
            ("0.000000001", Duration::from_nanos(1)),
            ("123456789012345678901234567890e-20", Duration::new(1_234_567_890, 123_456_790)),
            ("0.00000000000000000000000000000000001e35", millis(1_000)),
            ("0x10000000000000000000000p-84", millis(16_000)),
            ("1e-99999999999999999999", Duration::from_nanos(1)),
            ("1e99999999999999999999", Duration::MAX),
            ("18446744073709551615", Duration::from_secs(u64::MAX)),
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
        for text in ["1M", "1H30M", "5x", "", "git", "-5", "1,000s", "1,000"] {
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
