//! Events on their way to a handler.

use fleet_runtime::{Event, Failure, answer};
use serde::Deserialize;

#[derive(Deserialize, Event)]
struct BellRung {
    times: u32,
}

fn ring(event: BellRung) -> Result<String, Failure> {
    match event.times {
        0 => Err(Failure::new("Bell.Silent", "no sound")),
        times => Ok("ding".repeat(times as usize)),
    }
}

#[test]
fn the_handler_gets_events_of_its_type() {
    assert_eq!(BellRung::TYPE, "bell-rung");
    assert_eq!(
        answer(br#"{"type": "bell-rung", "times": 2}"#, ring),
        Ok("dingding".to_owned())
    );
}

#[test]
fn other_events_fail_by_what_is_wrong_with_them() {
    for (event, error_type) in [
        ("{", "Event.NotJson"),
        ("[]", "Event.WrongType"),
        (r#"{"type": "bell-stolen", "times": 1}"#, "Event.WrongType"),
        (r#"{"type": "bell-rung"}"#, "Event.Invalid"),
        (r#"{"type": "bell-rung", "times": 0}"#, "Bell.Silent"),
    ] {
        let failure = answer(event.as_bytes(), ring).unwrap_err();
        assert_eq!(failure.error_type, error_type, "{event}");
    }
}
