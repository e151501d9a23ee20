//! The document at `/api/openapi.json` is accepted by a validator that is not ours.

use roas::v3_1::spec::Spec;
use roas::validation::Options;
use roas::validation::Validate as _;

use super::client::Site;

#[test]
fn the_document_is_valid_openapi_and_served_to_everybody() {
    let site = Site::new();
    let answer = site.get("/api/openapi.json");
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    let spec: Spec = serde_json::from_str(&answer.text).expect("an OpenAPI 3.1 document");
    if let Err(fault) = spec.validate(Options::new(), None) {
        panic!("{fault}");
    }
    let operations = answer.json();
    let ids: Vec<&str> = operations["paths"]
        .as_object()
        .expect("paths")
        .values()
        .flat_map(|item| item.as_object().expect("operations").values())
        .map(|operation| operation["operationId"].as_str().expect("an id"))
        .collect();
    assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), ids.len(), "two operations of one id");
}

#[test]
fn the_validator_does_find_faults() {
    let site = Site::new();
    let mut document = site.get("/api/openapi.json").json();
    document["paths"]["/api/evidence/resolve"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"] =
        "#/components/schemas/Nothing".into();
    let spec: Spec = serde_json::from_value(document).expect("still of the right form");
    assert!(spec.validate(Options::new(), None).is_err());
}
