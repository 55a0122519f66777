//! What mails say. Each is a file in `templates/mail`, whose first line is the subject, and here the values that it takes.
//! `docs/operations/mails.md` shows all of them as they are sent.

use askama::Template;

/// A mail as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    /// On one line.
    pub subject: String,
    pub body: String,
}

impl Text {
    /// Fills a template in.
    pub(crate) fn of(mail: &impl Template) -> Self {
        let text = mail.to_string();
        let (subject, body) = text.split_once("\n\n").unwrap_or_default();
        Self {
            subject: subject.trim_start_matches("Subject: ").to_owned(),
            body: body.trim_end().to_owned() + "\n",
        }
    }
}

/// To a member who sets their first password.
#[derive(Template)]
#[template(path = "mail/invitation.txt", escape = "none")]
pub(crate) struct Invitation {
    pub name: String,
    pub vendor: String,
    pub url: String,
}

/// To a member who signs in at the organization's provider and has no password.
#[derive(Template)]
#[template(path = "mail/provider_sign_in.txt", escape = "none")]
pub(crate) struct ProviderSignIn {
    pub name: String,
    pub vendor: String,
    pub url: String,
}

/// To a member who has forgotten the password.
#[derive(Template)]
#[template(path = "mail/password_reset.txt", escape = "none")]
pub(crate) struct PasswordReset {
    pub name: String,
    pub vendor: String,
    pub url: String,
}

/// To a customer who wants to sign in.
#[derive(Template)]
#[template(path = "mail/customer_sign_in.txt", escape = "none")]
pub(crate) struct CustomerSignIn {
    pub name: String,
    pub vendor: String,
    pub url: String,
}

/// To a person who is invited to be a user of a customer.
#[derive(Template)]
#[template(path = "mail/customer_invitation.txt", escape = "none")]
pub(crate) struct CustomerInvitation {
    pub name: String,
    pub customer: String,
    pub vendor: String,
    pub url: String,
}

/// To a user of a customer who wants a password.
#[derive(Template)]
#[template(path = "mail/customer_password_reset.txt", escape = "none")]
pub(crate) struct CustomerPasswordReset {
    pub name: String,
    pub vendor: String,
    pub url: String,
}

/// To a customer, with an onboarding link.
#[derive(Template)]
#[template(path = "mail/onboarding.txt", escape = "none")]
pub(crate) struct Onboarding {
    pub name: String,
    pub vendor: String,
    pub url: String,
}

/// Something that ends.
pub(crate) struct End {
    pub name: String,
    /// Whose it is.
    pub holder: Option<String>,
    /// The last day of it.
    pub end: String,
    pub url: String,
}

/// To members: which licenses and registry keys end soon.
#[derive(Template)]
#[template(path = "mail/ends.txt", escape = "none")]
pub(crate) struct Ends {
    pub name: String,
    pub vendor: String,
    /// Those that are named, soonest first.
    pub licenses: Vec<End>,
    /// How many are not.
    pub more_licenses: usize,
    pub keys: Vec<End>,
    pub more_keys: usize,
    pub settings: String,
}

impl Ends {
    fn subject(&self) -> String {
        let (licenses, keys) = (self.licenses.len() + self.more_licenses, self.keys.len() + self.more_keys);
        match (self.licenses.as_slice(), self.keys.as_slice()) {
            ([license], []) => format!("A license ends on {}", license.end),
            ([], [key]) => format!("A registry key ends on {}", key.end),
            (_, []) => format!("{licenses} licenses end soon"),
            ([], _) => format!("{keys} registry keys end soon"),
            _ => format!("{} licenses and registry keys end soon", licenses + keys),
        }
    }
}

/// To a customer: which of their licenses end soon.
#[derive(Template)]
#[template(path = "mail/customer_ends.txt", escape = "none")]
pub(crate) struct CustomerEnds {
    pub name: String,
    pub vendor: String,
    /// Name and last day of each, soonest first.
    pub licenses: Vec<(String, String)>,
    pub portal: String,
}

impl CustomerEnds {
    fn subject(&self) -> String {
        match self.licenses.as_slice() {
            [(_, end)] => format!("Your license from {} ends on {end}", self.vendor),
            several => format!("{} of your licenses from {} end soon", several.len(), self.vendor),
        }
    }
}

/// To owners: the organization is scheduled for deletion.
#[derive(Template)]
#[template(path = "mail/deletion.txt", escape = "none")]
pub(crate) struct DeletionScheduled {
    pub name: String,
    pub vendor: String,
    pub due: String,
    pub url: String,
}

/// To members: a registry key has a new secret.
#[derive(Template)]
#[template(path = "mail/rotation.txt", escape = "none")]
pub(crate) struct KeyRotated {
    pub name: String,
    pub vendor: String,
    pub key: String,
    pub registry: String,
    pub until: String,
    /// Where machines collect the secret.
    pub collection: String,
    /// Where people look at it.
    pub url: String,
    pub settings: String,
}

/// To members: something unusual at a registry.
#[derive(Template)]
#[template(path = "mail/alert.txt", escape = "none")]
pub(crate) struct AlertRaised {
    pub name: String,
    pub vendor: String,
    pub title: &'static str,
    pub registry: String,
    /// The key or license.
    pub who: String,
    /// What it did.
    pub finding: String,
    pub when: String,
    /// Address and program.
    pub origin: Option<String>,
    /// What to do about it.
    pub advice: String,
    /// The portal's address.
    pub url: String,
}

/// To owners and admins: a webhook endpoint was given up.
#[derive(Template)]
#[template(path = "mail/webhook_disabled.txt", escape = "none")]
pub(crate) struct WebhookDisabled {
    pub name: String,
    pub vendor: String,
    /// Its URL.
    pub endpoint: String,
    /// As the end of a sentence.
    pub reason: String,
    /// Its page in the portal.
    pub url: String,
}

/// To owners and admins: an audit sink takes no events, or has missed some.
#[derive(Template)]
#[template(path = "mail/audit_sink.txt", escape = "none")]
pub(crate) struct AuditSinkTold {
    pub name: String,
    pub vendor: String,
    /// Its name.
    pub sink: String,
    /// As the end of a sentence.
    pub finding: String,
    /// Its page in the portal.
    pub url: String,
}

/// What is wrong with a deployment or the agent of a target.
#[derive(Clone)]
pub(crate) struct DeploymentAlert {
    /// The deployment or agent, and whose it is.
    pub who: String,
    /// As the end of a sentence.
    pub finding: String,
    /// Its page in the portal.
    pub url: String,
}

/// To owners and admins: agents are silent, deployments have failed or are degraded.
#[derive(Template)]
#[template(path = "mail/deployment_alerts.txt", escape = "none")]
pub(crate) struct DeploymentAlerts {
    pub name: String,
    pub vendor: String,
    /// What the subject says if there is one.
    pub title: &'static str,
    /// Those that are named.
    pub alerts: Vec<DeploymentAlert>,
    /// How many are not.
    pub more: usize,
    /// The portal's address.
    pub url: String,
}

impl DeploymentAlerts {
    fn subject(&self) -> String {
        match self.alerts.len() + self.more {
            0 | 1 => self.title.to_owned(),
            many => format!("{many} deployments and agents need attention"),
        }
    }
}

/// To members: a product's daily bucket, or a share of it, is used.
#[derive(Template)]
#[template(path = "mail/bucket_alert.txt", escape = "none")]
pub(crate) struct BucketAlertRaised {
    pub name: String,
    pub vendor: String,
    pub title: &'static str,
    pub product: String,
    /// What there is to know, as a sentence without its end.
    pub finding: String,
    /// Whose share it is, if it is a license's.
    pub license: Option<String>,
    pub when: String,
    /// What to do about it.
    pub advice: &'static str,
    /// The product's page.
    pub page: String,
    /// The portal's address.
    pub url: String,
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn samples() -> Vec<(&'static str, Text)> {
        let (name, vendor) = ("Ada Lovelace".to_owned(), "Acme".to_owned());
        let url = "https://licenses.example/l/kw_link_4Q8".to_owned();
        let license = |name: &str, end: &str| End {
            name: name.to_owned(),
            holder: Some("Example Inc".to_owned()),
            end: end.to_owned(),
            url: "https://licenses.example/licenses/0198a6b2".to_owned(),
        };
        let ends = |licenses, keys| Ends {
            name: name.clone(),
            vendor: vendor.clone(),
            licenses,
            more_licenses: 0,
            keys,
            more_keys: 0,
            settings: "https://licenses.example/settings/notices".to_owned(),
        };
        let key = End {
            name: "ci-push".to_owned(),
            holder: Some("Releases".to_owned()),
            end: "2026-02-03".to_owned(),
            url: "https://licenses.example/registries/0198a6b3/keys".to_owned(),
        };
        let both = Ends {
            more_licenses: 3,
            ..ends(vec![license("Team", "2026-01-20"), license("Server", "2026-01-31")], vec![key])
        };
        let customer_ends = CustomerEnds {
            name: "Example Inc".to_owned(),
            vendor: vendor.clone(),
            licenses: vec![("Team".to_owned(), "2026-01-20".to_owned())],
            portal: "https://licenses.example/portal".to_owned(),
        };
        let deletion = DeletionScheduled {
            name: name.clone(),
            vendor: vendor.clone(),
            due: "2026-01-15T00:00:00Z".to_owned(),
            url: "https://licenses.example/settings/deletion".to_owned(),
        };
        let rotated = KeyRotated {
            name: name.clone(),
            vendor: vendor.clone(),
            key: "ci-push".to_owned(),
            registry: "Releases".to_owned(),
            until: "2026-01-08T00:00:00Z".to_owned(),
            collection: "https://licenses.example/registry/key".to_owned(),
            url: "https://licenses.example/registry-keys/0198a6b4/rotation".to_owned(),
            settings: "https://licenses.example/settings/notices".to_owned(),
        };
        let alert = AlertRaised {
            name: name.clone(),
            vendor: vendor.clone(),
            title: "a registry was changed from an unexpected place",
            registry: "Releases".to_owned(),
            who: "registry key ci-push".to_owned(),
            finding: "pushed from 203.0.113.0/24, where it was not used in the last 90 days".to_owned(),
            when: "2026-01-01 00:00".to_owned(),
            origin: Some("203.0.113.7 with skopeo/1.9".to_owned()),
            advice:
                "If it was none of you, revoke the key at https://licenses.example/registries/0198a6b3/keys"
                    .to_owned(),
            url: "https://licenses.example".to_owned(),
        };
        let deployments = DeploymentAlerts {
            name: name.clone(),
            vendor: vendor.clone(),
            title: "a deployment has failed",
            alerts: vec![
                DeploymentAlert {
                    who: "deployment Shop of Example Inc".to_owned(),
                    finding: "failed at revision 3".to_owned(),
                    url: "https://licenses.example/deployments/0198a6b6".to_owned(),
                },
                DeploymentAlert {
                    who: "agent on Berlin of Example Inc".to_owned(),
                    finding: "has not been heard of since 2026-01-05T08:00:00Z".to_owned(),
                    url: "https://licenses.example/deployment-targets/0198a6b7".to_owned(),
                },
            ],
            more: 2,
            url: "https://licenses.example".to_owned(),
        };
        let bucket_alert = BucketAlertRaised {
            name: name.clone(),
            vendor: vendor.clone(),
            title: "a share of a product's validations of today is used up",
            product: "Server".to_owned(),
            finding: "The address 203.0.113.7 has used up its share of 5000 validations, and further ones of it are refused until 00:00 UTC".to_owned(),
            license: None,
            when: "2026-01-01 00:00".to_owned(),
            advice: "The rest of the bucket is left for the others. If one server of yours asks for all your customers, or a proxy hides their addresses, raise the share in the product's settings.",
            page: "https://licenses.example/products/0198a6b5".to_owned(),
            url: "https://licenses.example".to_owned(),
        };
        let provider = "https://licenses.example/sign-in/acme".to_owned();
        vec![
            (
                "Invitation",
                Text::of(&Invitation { name: name.clone(), vendor: vendor.clone(), url: url.clone() }),
            ),
            (
                "Invitation where a sign-in provider vouches for members",
                Text::of(&ProviderSignIn { name: name.clone(), vendor: vendor.clone(), url: provider }),
            ),
            (
                "New password",
                Text::of(&PasswordReset { name: name.clone(), vendor: vendor.clone(), url: url.clone() }),
            ),
            (
                "Sign-in of a customer",
                Text::of(&CustomerSignIn { name: name.clone(), vendor: vendor.clone(), url: url.clone() }),
            ),
            (
                "Invitation of a customer's user",
                Text::of(&CustomerInvitation {
                    name: name.clone(),
                    customer: "Example Inc".to_owned(),
                    vendor: vendor.clone(),
                    url: url.clone(),
                }),
            ),
            (
                "New password of a customer's user",
                Text::of(&CustomerPasswordReset {
                    name: name.clone(),
                    vendor: vendor.clone(),
                    url: url.clone(),
                }),
            ),
            (
                "Onboarding link",
                Text::of(&Onboarding { name: name.clone(), vendor: vendor.clone(), url: url.clone() }),
            ),
            ("Licenses and registry keys that end, to members", Text::of(&both)),
            (
                "A license that ends, to members",
                Text::of(&ends(vec![license("Team", "2026-01-20")], Vec::new())),
            ),
            ("Licenses that end, to a customer", Text::of(&customer_ends)),
            ("Deletion of the organization", Text::of(&deletion)),
            ("A registry key has a new secret", Text::of(&rotated)),
            ("Alert", Text::of(&alert)),
            ("Alerts about deployments", Text::of(&deployments)),
            (
                "An audit sink takes no events",
                Text::of(&AuditSinkTold {
                    name: name.clone(),
                    vendor: vendor.clone(),
                    sink: "SIEM".to_owned(),
                    finding: "has taken no events since 2026-01-05T08:00:00Z".to_owned(),
                    url: "https://licenses.example/audit/sinks/0198a6b4".to_owned(),
                }),
            ),
            (
                "A webhook endpoint was disabled",
                Text::of(&WebhookDisabled {
                    name,
                    vendor,
                    endpoint: "https://hooks.example/keyward".to_owned(),
                    reason: "nothing could be delivered for five days".to_owned(),
                    url: "https://licenses.example/webhooks/0198a6b3".to_owned(),
                }),
            ),
            ("Alert about a daily bucket", Text::of(&bucket_alert)),
        ]
    }

    /// The page is made of the samples. `KEYWARD_BLESS=1` writes it anew.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "KEYWARD_BLESS=1 writes the file anew")]
    fn the_page_shows_every_mail_as_it_is_sent() {
        let mut page = "# Every mail that Keyward sends\n\n\
             Written by a test from the templates in `crates/engine/templates/mail`, with sample values.\n"
            .to_owned();
        for (title, Text { subject, body }) in samples() {
            assert!(
                !subject.is_empty() && !subject.contains('\n') && body.starts_with("Hello "),
                "{title}: {body}"
            );
            page.push_str(&format!("\n## {title}\n\n```text\nSubject: {subject}\n\n{body}```\n"));
        }
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operations/mails.md");
        if std::env::var("KEYWARD_BLESS").is_ok() {
            std::fs::write(&file, &page).unwrap();
        }
        assert_eq!(
            std::fs::read_to_string(&file).unwrap_or_default(),
            page,
            "read the difference after KEYWARD_BLESS=1"
        );
    }
}
