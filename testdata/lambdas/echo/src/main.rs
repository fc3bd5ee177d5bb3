//! Answers AWS Lambda events with themselves and a greeting.

use std::{convert::Infallible, error::Error};

use echo::{runtime::Runtime, Echo};

fn main() -> Result<Infallible, Box<dyn Error>> {
    let runtime = Runtime::from_env()?;
    let echo = match Echo::from_env() {
        Ok(echo) => echo,
        Err(error) => {
            runtime.fail_init(&error)?;
            return Err(error.into());
        }
    };
    Ok(runtime.serve(|event| echo.answer(event))?)
}
