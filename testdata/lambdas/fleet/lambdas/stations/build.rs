//! Turns the table of stations into Rust, so that a mistake in it fails the build and not a lambda.

use std::{env, error::Error, fmt::Write, fs, path::Path};

const TABLE: &str = "data/stations.csv";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={TABLE}");
    let table = fs::read_to_string(TABLE)?;
    let mut stations = String::from("&[\n");
    for line in table.lines().skip(1) {
        let [name, north, east, bikes] = line.split(',').collect::<Vec<_>>()[..] else {
            return Err(format!("{TABLE}: not four columns: {line}").into());
        };
        let (north, east): (f64, f64) = (north.parse()?, east.parse()?);
        let bikes: u32 = bikes.parse()?;
        writeln!(
            stations,
            "    Station {{ name: {name:?}, north: {north:?}, east: {east:?}, bikes: {bikes} }},"
        )?;
    }
    stations.push(']');
    fs::write(
        Path::new(&env::var("OUT_DIR")?).join("stations.rs"),
        stations,
    )?;
    Ok(())
}
