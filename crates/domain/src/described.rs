//! One line for what a value looks like in JSON, beside the type that it is of.

/// Says what types look like in JSON, and how requests read them. Nothing without the feature `openapi`.
///
/// - `Name = schema;`: it is one text, and read by its `FromStr`. With `exact` before it, white space at its ends counts.
/// - `object Name;`: an object, whose members are read one by one.
/// - `composed Name;`: read in a way of its own.
/// - `shown Name = schema;`: how it looks in answers, where it is no text.
/// - `named Name = "Name";`: in answers it is the schema of this name, which whoever reads it describes.
#[macro_export]
macro_rules! described {
    () => {};
    (shown $name:ident = $schema:expr; $($rest:tt)*) => {
        #[cfg(feature = "openapi")]
        impl $crate::openapi::utoipa::PartialSchema for $name {
            fn schema() -> $crate::openapi::utoipa::openapi::RefOr<$crate::openapi::utoipa::openapi::Schema> {
                $crate::openapi::outline(&$schema)
            }
        }

        #[cfg(feature = "openapi")]
        impl $crate::openapi::utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                // By this, documents know that it is written where it is used.
                std::borrow::Cow::Borrowed(concat!("value.", stringify!($name)))
            }
        }

        $crate::described!($($rest)*);
    };
    (composed $($name:ident),+; $($rest:tt)*) => {
        $(
            #[cfg(feature = "openapi")]
            impl $crate::openapi::Input for $name {
                type Kind = $crate::openapi::Composed;
            }
        )+

        $crate::described!($($rest)*);
    };
    (named $name:ident = $wire:literal; $($rest:tt)*) => {
        #[cfg(feature = "openapi")]
        impl $crate::openapi::utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                std::borrow::Cow::Borrowed($wire)
            }
        }

        #[cfg(feature = "openapi")]
        impl $crate::openapi::utoipa::PartialSchema for $name {
            fn schema() -> $crate::openapi::utoipa::openapi::RefOr<$crate::openapi::utoipa::openapi::Schema> {
                // Its members are described by whoever reads them.
                $crate::openapi::outline(&$crate::openapi::serde_json::json!({"type": "object"}))
            }
        }

        $crate::described!($($rest)*);
    };
    (object $($name:ident),+; $($rest:tt)*) => {
        $(
            #[cfg(feature = "openapi")]
            impl $crate::openapi::Input for $name {
                type Kind = $crate::openapi::Object;
            }
        )+

        $crate::described!($($rest)*);
    };
    (exact $name:ident = $schema:expr $(, blank = $blank:expr)?; $($rest:tt)*) => {
        $crate::described!(@text $name = $schema, true $(, $blank)?);
        $crate::described!($($rest)*);
    };
    ($name:ident = $schema:expr; $($rest:tt)*) => {
        $crate::described!(@text $name = $schema, false);
        $crate::described!($($rest)*);
    };
    (@text $name:ident = $schema:expr, $exact:literal $(, $blank:expr)?) => {
        #[cfg(feature = "openapi")]
        impl $crate::openapi::Described for $name {
            const EXACT: bool = $exact;

            fn described() -> $crate::openapi::serde_json::Value {
                $schema
            }

            $(fn is_blank(&self) -> bool {
                $blank(self)
            })?
        }

        #[cfg(feature = "openapi")]
        impl $crate::openapi::Input for $name {
            type Kind = $crate::openapi::Text;
        }

        $crate::described!(shown $name = <Self as $crate::openapi::Described>::described(););
    };
}
