//! Prices a ride, with half the price at night.

use std::{convert::Infallible, io};

use fleet_bikes::{Cents, Ride};
use fleet_runtime::{Event, Failure};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Event)]
struct RideEnded {
    ride: Ride,
}

#[derive(Debug, Serialize, PartialEq)]
struct Price {
    bike: u32,
    cents: Cents,
}

fn main() -> io::Result<Infallible> {
    fleet_runtime::serve(price)
}

fn price(RideEnded { ride }: RideEnded) -> Result<Price, Failure> {
    if ride.hour > 23 {
        return Err(Failure::new(
            "Ride.Hour",
            format!("a day has no hour {}", ride.hour),
        ));
    }
    Ok(Price {
        bike: ride.bike,
        cents: ride.price(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(hour: u8) -> Result<Price, Failure> {
        let event = format!(
            r#"{{"type": "ride-ended", "ride": {{"bike": 7, "hour": {hour}, "minutes": 10}}}}"#
        );
        fleet_runtime::answer(event.as_bytes(), price)
    }

    #[test]
    fn a_ride_at_night_costs_half() {
        assert_eq!(
            answer(12),
            Ok(Price {
                bike: 7,
                cents: Cents(250)
            })
        );
        assert_eq!(
            answer(23),
            Ok(Price {
                bike: 7,
                cents: Cents(125)
            })
        );
    }

    #[test]
    fn a_day_ends_after_23() {
        assert_eq!(answer(24).unwrap_err().error_type, "Ride.Hour");
    }
}
