//! Counts the words of each event.

use std::{convert::Infallible, io};

fn main() -> io::Result<Infallible> {
    local_or_lambda::lambda::serve(local_or_lambda::handle)
}
