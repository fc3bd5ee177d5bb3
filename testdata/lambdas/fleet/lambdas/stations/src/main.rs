//! Finds the nearest station that has a bicycle.

use std::{convert::Infallible, io};

use fleet_runtime::{Event, Failure};
use serde::{Deserialize, Serialize};

/// A place with bicycles, metres from the harbour.
#[derive(Debug, Serialize)]
struct Station {
    name: &'static str,
    north: f64,
    east: f64,
    bikes: u32,
}

/// From `data/stations.csv`.
static STATIONS: &[Station] = include!(concat!(env!("OUT_DIR"), "/stations.rs"));

#[derive(Deserialize, Event)]
struct BikeWanted {
    north: f64,
    east: f64,
}

#[derive(Debug, Serialize)]
struct Nearest {
    station: &'static Station,
    metres: f64,
}

fn main() -> io::Result<Infallible> {
    fleet_runtime::serve(nearest)
}

fn nearest(event: BikeWanted) -> Result<Nearest, Failure> {
    STATIONS
        .iter()
        .filter(|station| station.bikes > 0)
        .map(|station| Nearest {
            station,
            metres: (station.north - event.north).hypot(station.east - event.east),
        })
        .min_by(|a, b| a.metres.total_cmp(&b.metres))
        .ok_or_else(|| Failure::new("Station.Empty", "there is no bicycle anywhere"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_over_stations_without_bicycles() {
        let event = br#"{"type": "bike-wanted", "north": 1200, "east": -300}"#;
        let nearest = fleet_runtime::answer(event, nearest).unwrap();
        assert_eq!(nearest.station.name, "Harbour");
        assert_eq!(
            serde_json::to_string(&nearest.metres).unwrap(),
            "1236.9316876852981"
        );
    }
}
