//! `[admin]`: what is for the operator alone.

use crate::config::setting::{Listen, settings};

settings! {
    LISTEN: Listen = "admin.listen", [], "", restart,
        "address of the admin listener with /metrics (Prometheus), /healthz and /readyz, such as \
         127.0.0.1:9464; it asks nobody who they are. Empty for none";
}
