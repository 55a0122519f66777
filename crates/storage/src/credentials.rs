//! What people sign in with: the same columns in the table of each kind of them.

use sea_orm::ActiveValue::{self, Set};

use crate::Result;
use crate::convert::Table;

/// What a person signs in with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// The password's hash, in PHC form.
    pub password: Option<String>,
    /// The sealed secret of an authenticator app.
    pub authenticator: Option<Vec<u8>>,
    /// The last of its codes that was taken.
    pub last_step: i64,
    /// Hashes of the recovery codes that are left.
    pub recovery: Vec<String>,
}

/// The columns, to be written.
pub(crate) struct Columns {
    pub password: ActiveValue<Option<String>>,
    pub authenticator: ActiveValue<Option<Vec<u8>>>,
    pub last_step: ActiveValue<i64>,
    pub recovery: ActiveValue<String>,
}

impl Credentials {
    pub(crate) fn read(
        table: Table,
        (password, authenticator): (Option<String>, Option<Vec<u8>>),
        (last_step, recovery): (i64, &str),
    ) -> Result<Self> {
        let recovery = table.take("recovery", serde_json::from_str(recovery))?;
        Ok(Self { password, authenticator, last_step, recovery })
    }

    pub(crate) fn columns(&self, table: Table) -> Result<Columns> {
        Ok(Columns {
            password: Set(self.password.clone()),
            authenticator: Set(self.authenticator.clone()),
            last_step: Set(self.last_step),
            recovery: Set(table.take("recovery", serde_json::to_string(&self.recovery))?),
        })
    }
}
