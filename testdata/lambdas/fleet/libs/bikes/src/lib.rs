//! Rides and what they cost. With the feature `night-rate`, rides at night cost half.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A ride that is over.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Ride {
    /// The number on the bicycle.
    pub bike: u32,
    /// The hour of the day at the start, from 0 to 23.
    pub hour: u8,
    /// Each minute begun counts.
    pub minutes: u32,
}

/// An amount of money in hundredths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Cents(pub u32);

const START: u32 = 100;
const MINUTE: u32 = 15;

impl Ride {
    /// A fixed price for the start, and one for each minute.
    pub fn price(&self) -> Cents {
        let full = START.saturating_add(self.minutes.saturating_mul(MINUTE));
        Cents(if self.has_night_rate() {
            full / 2
        } else {
            full
        })
    }

    fn has_night_rate(&self) -> bool {
        cfg!(feature = "night-rate") && !(6..22).contains(&self.hour)
    }
}

impl fmt::Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(hour: u8, minutes: u32) -> String {
        Ride {
            bike: 1,
            hour,
            minutes,
        }
        .price()
        .to_string()
    }

    #[test]
    fn prices_by_the_minute() {
        assert_eq!(price(12, 0), "1.00");
        assert_eq!(price(6, 27), "5.05");
        assert_eq!(price(21, u32::MAX), "42949672.95");
    }

    #[test]
    fn halves_the_price_at_night_where_there_is_a_night_rate() {
        let night = if cfg!(feature = "night-rate") {
            "1.25"
        } else {
            "2.50"
        };
        assert_eq!(price(22, 10), night);
        assert_eq!(price(5, 10), night);
    }
}
