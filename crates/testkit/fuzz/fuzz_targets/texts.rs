//! Texts that people and programs give: what is taken is taken again as it was written.
#![no_main]

use std::fmt::{Debug, Display};
use std::str::FromStr;

use keyward_domain::registry::{Digest, Host, RepositoryName, Tag};
use keyward_domain::{
    AddressRange, Cursor, Email, EndTime, HttpUrl, IdempotencyKey, Kid, LicenseKey, Name, Notes, Pin, Slug,
    StartTime, Timestamp, Version,
};
use libfuzzer_sys::fuzz_target;

fn again<T: FromStr + Display + PartialEq + Debug>(text: &str)
where
    T::Err: Debug,
{
    if let Ok(value) = text.parse::<T>() {
        assert_eq!(value.to_string().parse::<T>().unwrap(), value);
    }
}

fuzz_target!(|text: &str| {
    again::<Email>(text);
    again::<Name>(text);
    again::<Notes>(text);
    again::<Slug>(text);
    again::<LicenseKey>(text);
    again::<HttpUrl>(text);
    again::<Host>(text);
    again::<RepositoryName>(text);
    again::<Tag>(text);
    again::<Digest>(text);
    again::<AddressRange>(text);
    again::<Timestamp>(text);
    again::<Kid>(text);
    let _ = (text.parse::<StartTime>(), text.parse::<EndTime>(), text.parse::<Cursor>());
    let _ = (text.parse::<Version>(), text.parse::<Pin>(), text.parse::<IdempotencyKey>());
    let folded = keyward_domain::text::fold(text);
    assert_eq!(keyward_domain::text::fold(&folded), folded);
});
