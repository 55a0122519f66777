//! Hosts and deployments of a customer.

use keyward_domain::Name;
use keyward_engine::{DeploymentChange, NewDeployment, NewDeploymentTarget};

use crate::request;

request! {
    /// A host to be added.
    "CreateOwnDeploymentTarget" for NewDeploymentTarget {
        /// Unique among your targets that are not released.
        /// Example: "production"
        name: required,
        /// `manage`, or `witness`: its agent only looks.
        mode: required,
    }
}

/// The new name of a target.
#[derive(Debug, Clone)]
pub struct RenameTarget {
    /// The new name.
    pub name: Name,
}

request! {
    /// Another name.
    "RenameOwnDeploymentTarget" for RenameTarget {
        name: required,
    }
}

request! {
    /// An application to be deployed.
    "CreateOwnDeployment" for NewDeployment {
        /// On which of your targets. It must manage.
        target ("target_id"): required,
        /// Unique on the target.
        /// Example: "Production"
        name: required,
        /// The slug of the application.
        /// Example: "acme-server"
        application: required,
        /// Which of its versions that you may deploy.
        /// Example: "1.4.2"
        version ("application_version"): required,
        /// What Compose fills `${NAME}` from.
        /// Example: {"PUBLIC_URL": "https://acme.example.com"}
        values: or_default,
    }
}

request! {
    /// What is to be otherwise; what is absent stays.
    "UpdateOwnDeployment" for DeploymentChange, immutable ["target_id", "application", "name"] {
        /// Another version that you may deploy.
        version ("application_version"): optional,
        /// Other values, in place of all there were.
        values: optional,
    }
}
