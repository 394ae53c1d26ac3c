//! How far back a feature sees.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use throng_event::{AsOf, Day};

use crate::FeatureError;

/// The days a feature sees, ending with the day of `as_of`.
///
/// A window is made of whole local days, so that a profile can be kept as one
/// bucket a day and still be evaluated as of any day of its past.
///
/// ```
/// use throng_feature::Window;
/// let window: Window = "90d".parse().unwrap();
/// assert_eq!(window, Window::days(90));
/// assert_eq!(window.to_string(), "90d");
/// assert_eq!("all".parse(), Ok(Window::All));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    /// The last so many local days, the day of `as_of` included.
    Days(NonZeroU32),
    /// Everything up to and including the day of `as_of`.
    All,
}

impl Window {
    /// Returns the window of the last `n` days; a window of 0 days is one of 1 day.
    #[must_use]
    pub const fn days(n: u32) -> Self {
        match NonZeroU32::new(n) {
            Some(n) => Self::Days(n),
            None => Self::Days(NonZeroU32::MIN),
        }
    }

    /// Returns the number of days, `None` when there is no limit.
    #[must_use]
    pub fn n_days(self) -> Option<u32> {
        match self {
            Self::Days(n) => Some(n.get()),
            Self::All => None,
        }
    }

    /// Returns the last day before the window; every day is after it when there is no limit.
    pub(crate) fn day_before(self, as_of: AsOf) -> Day {
        match self {
            Self::All => Day(i32::MIN),
            Self::Days(n) => {
                let before = i64::from(as_of.day.0) - i64::from(n.get());
                Day(i32::try_from(before).unwrap_or(i32::MIN))
            }
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(n) => write!(f, "{n}d"),
            Self::All => f.write_str("all"),
        }
    }
}

impl FromStr for Window {
    type Err = FeatureError;

    fn from_str(text: &str) -> Result<Self, FeatureError> {
        if text == "all" {
            return Ok(Self::All);
        }
        let n = text.strip_suffix('d').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let n = n.and_then(|digits| digits.parse::<NonZeroU32>().ok());
        n.map(Self::Days).ok_or_else(|| FeatureError::Unknown {
            what: "a window",
            text: text.to_owned(),
            expected: "all, or a number of days such as 30d".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use throng_event::Calendar;

    #[test]
    fn a_window_ends_with_the_day_of_as_of() {
        let as_of = Calendar::utc().as_of(Day(100));
        assert_eq!(Window::days(1).day_before(as_of), Day(99));
        assert_eq!(Window::days(30).day_before(as_of), Day(70));
        assert_eq!(Window::days(u32::MAX).day_before(as_of), Day(i32::MIN));
    }

    #[test]
    fn a_text_that_is_no_window_is_named_in_the_error() {
        for text in ["", "d", "0d", "-1d", "+7d", "7", "7days", "ALL", "99999999999d"] {
            assert!(text.parse::<Window>().unwrap_err().to_string().contains(&format!("{text:?}")));
        }
    }
}
