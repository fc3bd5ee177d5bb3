//! Adds up an order: the event is a JSON text of lines like `"2 x 3.50; 1 x 10"`, the answer its total in cents.

mod order;
mod runtime;

use std::process::ExitCode;

fn main() -> ExitCode {
    let error = runtime::serve(|event| {
        let order = event.trim().trim_matches('"');
        order::total(order).map(|cents| format!(r#"{{"cents":{cents}}}"#))
    });
    eprintln!("order-totals: {error}");
    ExitCode::FAILURE
}
