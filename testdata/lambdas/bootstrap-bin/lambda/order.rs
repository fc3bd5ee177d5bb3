//! Orders and money.

/// The total of an order in cents. An order is `COUNT x PRICE`, again after each semicolon.
pub fn total(order: &str) -> Result<u64, String> {
    let mut total: u64 = 0;
    for (n, line) in (1..).zip(order.split(';')) {
        let cents = parse(line).ok_or_else(|| format!("line {n} is no COUNT x PRICE"))?;
        total = total
            .checked_add(cents)
            .ok_or_else(|| format!("line {n} makes the total too large"))?;
    }
    Ok(total)
}

fn parse(line: &str) -> Option<u64> {
    let (count, price) = line.split_once('x')?;
    let (units, cents) = price.trim().split_once('.').unwrap_or((price.trim(), "00"));
    if cents.len() != 2 {
        return None;
    }
    let price = units
        .parse::<u64>()
        .ok()?
        .checked_mul(100)?
        .checked_add(cents.parse().ok()?)?;
    count.trim().parse::<u64>().ok()?.checked_mul(price)
}

#[cfg(test)]
mod tests {
    use super::total;

    #[test]
    fn adds_up_the_lines() {
        assert_eq!(total("1 x 10"), Ok(1000));
        assert_eq!(total("2 x 3.50; 1x0.05"), Ok(705));
    }

    #[test]
    fn names_the_line_it_cannot_read() {
        for line in [
            "",
            "3",
            "1 x 2.5",
            "-1 x 2",
            "1 x €2",
            "99999999999 x 99999999999",
        ] {
            assert_eq!(
                total(&format!("1 x 1; {line}")),
                Err("line 2 is no COUNT x PRICE".into())
            );
        }
        assert_eq!(
            total("1 x 99999999999999999; 1 x 99999999999999999"),
            Err("line 2 makes the total too large".into())
        );
    }
}
