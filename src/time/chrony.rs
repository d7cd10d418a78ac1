//! What chrony says of the server's clock: one line of `chronyc -c -n tracking`, read purely, and asked for with a short time-out.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::Leap;

/// chronyc answers at once or not at all.
const LONGEST_ANSWER: Duration = Duration::from_millis(1500);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Reference id of chrony's own clock (`local` in chrony.conf): nobody is followed.
const LOCAL_REFERENCE: &str = "7F7F0101";

/// chrony's view of the clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChronyView {
    /// The server followed: address or reference clock; `None` when nobody is followed.
    pub follows: Option<String>,
    /// How many servers away the reference clock is.
    pub stratum: u8,
    /// Bound on the clock's error in milliseconds, rounded up: what is still to be corrected, the reference's own dispersion, and half
    /// the way to it (RFC 5905 section 10: root distance).
    pub max_error_ms: i64,
    /// The leap second announced for the end of the day.
    pub leap: Option<Leap>,
}

/// Why an answer of chronyc was not understood.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ChronyError {
    /// It has other fields than chrony 1.30 to 4.6 print.
    #[error("chronyc tracking gave {found} fields where 14 were expected: `{line}`")]
    Fields {
        /// How many there are.
        found: usize,
        /// The line.
        line: String,
    },
    /// A field is no number.
    #[error("chronyc tracking: {field} is `{found}`, which is no number")]
    Number {
        /// Which.
        field: &'static str,
        /// What stands there.
        found: String,
    },
}

/// Reads `chronyc -c -n tracking`: reference id, name, stratum, time of the last measurement, offset of the system clock, last and
/// RMS offset, frequency, residual frequency, skew, root delay, root dispersion, update interval, leap status.
///
/// # Errors
/// [`ChronyError`] naming what is not as expected.
pub fn read_tracking(text: &str) -> Result<ChronyView, ChronyError> {
    let line = text.trim();
    let fields: Vec<&str> = line.split(',').collect();
    let [id, name, stratum, _, offset, _, _, _, _, _, delay, dispersion, _, leap] = fields.as_slice() else {
        return Err(ChronyError::Fields { found: fields.len(), line: line.chars().take(200).collect() });
    };
    let number = |field, text: &str| match text.trim().parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err(ChronyError::Number { field, found: text.to_owned() }),
    };
    let offset = number("system time", offset)?;
    let error = offset.abs() + number("root delay", delay)? / 2.0 + number("root dispersion", dispersion)?;
    let stratum = stratum.trim().parse().map_err(|_| ChronyError::Number { field: "stratum", found: (*stratum).to_owned() })?;
    let followed = stratum != 0 && *id != LOCAL_REFERENCE && *leap != "Not synchronised" && !name.is_empty();
    Ok(ChronyView {
        follows: followed.then(|| (*name).to_owned()),
        stratum,
        #[expect(clippy::cast_possible_truncation, reason = "clamped to a day")]
        max_error_ms: (error * 1000.0).ceil().clamp(0.0, 86_400_000.0) as i64,
        leap: match *leap {
            "Insert second" => Some(Leap::Insert),
            "Delete second" => Some(Leap::Delete),
            _ => None,
        },
    })
}

/// Asks chrony. `None` where chronyc is not installed, does not answer in time, or is not understood (which is logged).
pub fn ask() -> Option<ChronyView> {
    let answer = run_chronyc()?;
    read_tracking(&answer).inspect_err(|e| tracing::warn!("{e}; chrony is left out of account")).ok()
}

fn run_chronyc() -> Option<String> {
    let mut child = Command::new("chronyc")
        .args(["-c", "-n", "tracking"])
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let until = Instant::now() + LONGEST_ANSWER;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Some(status),
            Ok(None) if Instant::now() < until => std::thread::sleep(LOOK_EVERY),
            _ => break None,
        }
    };
    let Some(status) = status else {
        // A child that is not waited for would stay a zombie.
        let _ = child.kill();
        let _ = child.wait();
        return None;
    };
    // One line: it fits into the pipe, so that chronyc ended without waiting for a reader.
    let mut text = String::new();
    child.stdout.take()?.take(4096).read_to_string(&mut text).ok()?;
    status.success().then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Lines as chrony 4.3 prints them.
    #[test]
    fn a_followed_server_is_told_with_the_bound_of_the_error() {
        let line = "CB00710F,203.0.113.15,2,1795330203.1,0.000412,0.000008,0.000021,1.2,0.0,0.01,0.005,0.0104,64.2,Normal\n";
        // 0.412 ms + 2.5 ms + 10.4 ms.
        let view = ChronyView { follows: Some("203.0.113.15".into()), stratum: 2, max_error_ms: 14, leap: None };
        assert_eq!(read_tracking(line), Ok(view));
        let leap = line.replace("Normal", "Insert second");
        assert_eq!(read_tracking(&leap).unwrap().leap, Some(Leap::Insert));
    }

    #[test]
    fn nobody_is_followed_when_chrony_stands_alone() {
        let alone = "00000000,,0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,1.0,1.0,0.0,Not synchronised\n";
        assert_eq!(read_tracking(alone).unwrap().follows, None);
        let local = "7F7F0101,,10,1795330203.1,0,0,0,0,0,0,0,0,0,Normal\n";
        assert_eq!(read_tracking(local).unwrap().follows, None);
    }

    #[test]
    fn another_answer_is_refused_with_what_it_was() {
        assert_eq!(
            read_tracking("506 Cannot talk to daemon\n").unwrap_err().to_string(),
            "chronyc tracking gave 1 fields where 14 were expected: `506 Cannot talk to daemon`"
        );
        let words = "CB00710F,203.0.113.15,2,0,nan,0,0,0,0,0,0,0,0,Normal";
        assert_eq!(read_tracking(words).unwrap_err(), ChronyError::Number { field: "system time", found: "nan".into() });
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,200}", fields in prop::collection::vec("[0-9.e+-]{0,12}", 14)) {
            let _ = read_tracking(&text);
            let _ = read_tracking(&fields.join(","));
        }
    }
}
