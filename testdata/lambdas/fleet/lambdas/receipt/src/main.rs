//! Writes the receipt of a ride. Its lines stay in the order in which they are printed.

mod receipt;

use std::{convert::Infallible, io};

fn main() -> io::Result<Infallible> {
    fleet_runtime::serve(receipt::write)
}
