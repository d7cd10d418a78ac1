//! What can go wrong with a simulated camera, as state: no sockets, no clock.

use serde::Serialize;
use tokio::sync::watch;

/// One misbehaviour, as the control port names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Drops every session; new ones are refused while it lasts.
    Close,
    /// Drops every session once; new ones are welcome.
    CloseOnce,
    /// Keeps connections open and sends nothing more.
    Stall,
    /// Drops every session and refuses every password from then on.
    Password,
    /// Sends only so many bytes per second, on TCP.
    Drip {
        /// Bytes per second and connection.
        bytes_per_second: u32,
    },
    /// Shows black pictures of the same format.
    Black,
    /// Shows the same picture again and again.
    Freeze,
    /// Changes to another resolution within the session.
    Resolution,
    /// Sends digital silence.
    Mute,
    /// Steps the camera's clock: its sender reports tell a time shifted by so much.
    Clock {
        /// Milliseconds added to the true time.
        offset_ms: i64,
    },
    /// The camera's clock runs too fast or too slow from then on: its sender reports wander off.
    ClockDrift {
        /// Parts per million it gains; negative when it loses.
        ppm: i32,
    },
    /// The camera's clock was never set: its sender reports tell a time of 1970-01-01.
    ClockUnset,
    /// What the clock in the picture shows, of a camera that draws its own.
    ClockText(ClockText),
    /// Draws another label, of a camera that draws its own.
    OtherLabel,
}

/// What a camera's own clock text shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClockText {
    /// The time, shifted by so much.
    Shown {
        /// Milliseconds added to the true time.
        offset_ms: i64,
    },
    /// The same second for ever.
    Frozen,
    /// Nothing.
    Missing,
}

impl Default for ClockText {
    fn default() -> Self {
        Self::Shown { offset_ms: 0 }
    }
}

/// What happens to connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Connection {
    /// They work.
    #[default]
    Ok,
    /// They are refused.
    Close,
    /// They stay open and silent.
    Stall,
    /// They are answered `401 Unauthorized`.
    Password,
    /// They carry only so many bytes per second.
    Drip(u32),
}

/// Which pictures are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Picture {
    /// The loop.
    #[default]
    Live,
    /// Black, same format.
    Black,
    /// One picture of the loop, repeated.
    Freeze,
    /// The loop in another resolution.
    Resolution,
}

/// The state of one camera.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// What happens to connections.
    pub connection: Connection,
    /// Which pictures are sent.
    pub picture: Picture,
    /// True while the sound is digital silence.
    pub muted: bool,
    /// Milliseconds by which sender reports are wrong.
    pub clock_offset_ms: i64,
    /// What the clock of the sender reports gains, in parts per million.
    pub clock_drift_ppm: i32,
    /// True while sender reports tell a time of 1970.
    pub clock_unset: bool,
    /// What its own clock text shows.
    pub clock_text: ClockText,
    /// True while its own label is another.
    pub other_label: bool,
    /// How often all sessions were dropped; a connection that began under a smaller count must go.
    pub drops: u64,
}

impl Condition {
    /// Brings the fault about.
    pub fn apply(&mut self, fault: Fault) {
        match fault {
            Fault::Close => self.connection = Connection::Close,
            Fault::CloseOnce => {}
            Fault::Stall => self.connection = Connection::Stall,
            Fault::Password => self.connection = Connection::Password,
            Fault::Drip { bytes_per_second } => self.connection = Connection::Drip(bytes_per_second),
            Fault::Black => self.picture = Picture::Black,
            Fault::Freeze => self.picture = Picture::Freeze,
            Fault::Resolution => self.picture = Picture::Resolution,
            Fault::Mute => self.muted = true,
            Fault::Clock { offset_ms } => self.clock_offset_ms = offset_ms,
            Fault::ClockDrift { ppm } => self.clock_drift_ppm = ppm,
            Fault::ClockUnset => self.clock_unset = true,
            Fault::ClockText(text) => self.clock_text = text,
            Fault::OtherLabel => self.other_label = true,
        }
        if fault.drops_sessions() {
            self.drops += 1;
        }
    }

    /// Takes the fault away again; whatever else came over the camera stays.
    pub fn lift(&mut self, fault: Fault) {
        let mut after = *self;
        after.apply(fault);
        if after.connection == self.connection && fault.is_of_connection() {
            self.connection = Connection::Ok;
        }
        match fault {
            Fault::Black | Fault::Freeze | Fault::Resolution if after.picture == self.picture => self.picture = Picture::Live,
            Fault::Mute => self.muted = false,
            Fault::ClockText(text) if text == self.clock_text => self.clock_text = ClockText::default(),
            Fault::OtherLabel => self.other_label = false,
            Fault::Clock { offset_ms } if offset_ms == self.clock_offset_ms => self.clock_offset_ms = 0,
            Fault::ClockDrift { ppm } if ppm == self.clock_drift_ppm => self.clock_drift_ppm = 0,
            Fault::ClockUnset => self.clock_unset = false,
            _ => {}
        }
    }

    /// Takes every fault away.
    pub fn heal(&mut self) {
        *self = Self { drops: self.drops, ..Self::default() };
    }
}

impl Fault {
    /// True when the fault begins by dropping every session.
    pub fn drops_sessions(self) -> bool {
        matches!(self, Fault::Close | Fault::CloseOnce | Fault::Password)
    }

    /// True when the fault concerns the pictures, of which some cameras have only one kind.
    pub fn is_of_picture(self) -> bool {
        matches!(self, Fault::Black | Fault::Freeze | Fault::Resolution)
    }

    /// True when the fault concerns the clock or label that some cameras draw themselves.
    pub fn is_of_own_clock(self) -> bool {
        matches!(self, Fault::ClockText(_) | Fault::OtherLabel)
    }

    fn is_of_connection(self) -> bool {
        matches!(self, Fault::Close | Fault::Stall | Fault::Password | Fault::Drip { .. })
    }

    /// Reads a fault from its name and the values that go with it.
    ///
    /// # Errors
    /// A sentence with the names there are, or the value that is missing.
    pub fn parse(name: &str, values: Values) -> Result<Self, String> {
        Ok(match name {
            "close" if values.once => Fault::CloseOnce,
            "close" => Fault::Close,
            "stall" => Fault::Stall,
            "password" => Fault::Password,
            "drip" => Fault::Drip { bytes_per_second: values.bytes_per_second.unwrap_or(200).max(1) },
            "black" => Fault::Black,
            "freeze" => Fault::Freeze,
            "resolution" => Fault::Resolution,
            "mute" => Fault::Mute,
            "clock" => Fault::Clock { offset_ms: values.offset_ms.ok_or("`clock` wants ?offset_ms=N, in milliseconds")? },
            "clock-drift" => Fault::ClockDrift { ppm: values.ppm.ok_or("`clock-drift` wants ?ppm=N, in parts per million")? },
            "clock-unset" => Fault::ClockUnset,
            "osd-offset" => Fault::ClockText(ClockText::Shown {
                offset_ms: values.offset_ms.ok_or("`osd-offset` wants ?offset_ms=N, in milliseconds")?,
            }),
            "osd-freeze" => Fault::ClockText(ClockText::Frozen),
            "osd-off" => Fault::ClockText(ClockText::Missing),
            "osd-label" => Fault::OtherLabel,
            other => {
                return Err(format!(
                    "`{other}` is no fault; there are close, stall, password, drip, black, freeze, resolution, mute, clock, \
                     clock-drift, clock-unset, osd-offset, osd-freeze, osd-off, osd-label, and heal"
                ));
            }
        })
    }
}

/// The values that go with a fault's name.
#[derive(Clone, Copy, Debug, Default)]
pub struct Values {
    /// `close` drops the sessions and lets new ones in.
    pub once: bool,
    /// For `clock`.
    pub offset_ms: Option<i64>,
    /// For `drip`.
    pub bytes_per_second: Option<u32>,
    /// For `clock-drift`.
    pub ppm: Option<i32>,
}

/// The condition of one camera, shared by all who act on it.
pub type ConditionSender = watch::Sender<Condition>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_different_kinds_stand_beside_each_other() {
        let mut c = Condition::default();
        let clocks = [Fault::Clock { offset_ms: -5000 }, Fault::ClockDrift { ppm: 500 }, Fault::ClockUnset];
        for fault in [Fault::Stall, Fault::Black, Fault::Mute].into_iter().chain(clocks) {
            c.apply(fault);
        }
        let expected = Condition {
            connection: Connection::Stall,
            picture: Picture::Black,
            muted: true,
            clock_offset_ms: -5000,
            clock_drift_ppm: 500,
            clock_unset: true,
            ..Condition::default()
        };
        assert_eq!(c, expected);
        c.heal();
        assert_eq!(c, Condition::default());
    }

    #[test]
    fn closing_and_refusing_drop_the_sessions_and_healing_does_not_forget_it() {
        let mut c = Condition::default();
        c.apply(Fault::Close);
        assert_eq!((c.connection, c.drops), (Connection::Close, 1));
        c.heal();
        assert_eq!((c.connection, c.drops), (Connection::Ok, 1));
        c.apply(Fault::CloseOnce);
        assert_eq!((c.connection, c.drops), (Connection::Ok, 2));
        c.apply(Fault::Password);
        assert_eq!((c.connection, c.drops), (Connection::Password, 3));
    }

    #[test]
    fn a_fault_that_ends_by_itself_does_not_end_a_later_one() {
        let mut c = Condition::default();
        c.apply(Fault::Close);
        c.apply(Fault::Stall);
        c.lift(Fault::Close);
        assert_eq!(c.connection, Connection::Stall);
        c.lift(Fault::Stall);
        assert_eq!(c.connection, Connection::Ok);
        c.apply(Fault::Freeze);
        c.lift(Fault::Black);
        assert_eq!(c.picture, Picture::Freeze);
        c.lift(Fault::Freeze);
        assert_eq!(c.picture, Picture::Live);
    }

    #[test]
    fn names_are_read_with_their_values() {
        let none = Values::default();
        assert_eq!(Fault::parse("close", Values { once: true, ..none }), Ok(Fault::CloseOnce));
        let clock = Values { offset_ms: Some(90_000), ..none };
        assert_eq!(Fault::parse("clock", clock), Ok(Fault::Clock { offset_ms: 90_000 }));
        assert_eq!(Fault::parse("clock-drift", Values { ppm: Some(-500), ..none }), Ok(Fault::ClockDrift { ppm: -500 }));
        assert_eq!(Fault::parse("clock-unset", none), Ok(Fault::ClockUnset));
        assert_eq!(Fault::parse("drip", none), Ok(Fault::Drip { bytes_per_second: 200 }));
        assert!(Fault::parse("clock", none).unwrap_err().contains("offset_ms"));
        assert!(Fault::parse("clock-drift", none).unwrap_err().contains("ppm"));
        assert!(Fault::parse("explode", none).unwrap_err().contains("`explode`"));
    }
}
