//! The receipt as JSON, a member for each line.

use fleet_bikes::Ride;
use fleet_runtime::{Event, Failure};
use serde::Deserialize;
use serde_json::{Value, json};

/// Somebody wants to see what a ride has cost.
#[derive(Deserialize, Event)]
pub struct ReceiptWanted {
    name: String,
    ride: Ride,
}

/// The receipt for the event.
pub fn write(event: ReceiptWanted) -> Result<Value, Failure> {
    if event.name.is_empty() {
        return Err(Failure::new("Receipt.NoName", "a receipt is for somebody"));
    }
    Ok(json!({
        "to": event.name,
        "for": format!("{} minutes with bicycle {}", event.ride.minutes, event.ride.bike),
        "amount": event.ride.price().to_string(),
        "thanks": true,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(name: &str) -> Result<String, Failure> {
        let event = json!({"type": "receipt-wanted", "name": name, "ride": {"bike": 7, "hour": 12, "minutes": 10}});
        fleet_runtime::answer(event.to_string().as_bytes(), write)
            .map(|receipt| receipt.to_string())
    }

    #[test]
    fn keeps_the_order_of_the_lines() {
        assert_eq!(
            answer("Ada").unwrap(),
            r#"{"to":"Ada","for":"10 minutes with bicycle 7","amount":"2.50","thanks":true}"#
        );
    }

    #[test]
    fn is_for_somebody() {
        assert_eq!(answer("").unwrap_err().error_type, "Receipt.NoName");
    }
}
