//! A secret among the files of the day stops the day's work, and is repeated nowhere.

use daily_ops::store::layout;
use serde_json::Value;
use serde_json::json;

use crate::site::RUN;
use crate::site::Site;
use crate::site::Stage;
use crate::site::read;
use crate::site::write;

#[test]
fn a_planted_secret_stops_the_work_and_is_in_no_output() {
    let site = Site::at(Stage::Made);
    let before = site.main();
    let token = ["gh", "p_0123456789abcdefghijABCDEFGHIJ012345"].concat();
    let own = read(&site.pc, "state/secrets/bundle_ed25519.key").trim().to_owned();
    let mut params: Value =
        serde_json::from_str(include_str!("../../contracts/decision_params_v1.json")).expect("JSON");
    for (name, secret) in [("a token", &token), ("the own key", &own)] {
        params["notes"] = json!(secret);
        write(&site.pc, layout::DECISION_PARAMS, &format!("{params:#}\n"));
        let ran = site.pc(RUN).ends(name, 2);
        let told = ran.json();
        assert_eq!(
            (&told["failed_stage"], &told["result"]),
            (&"publish".into(), &"BLOCKED".into()),
            "{name}: {told:#}"
        );
        let said = told["stages"][6]["summary"].as_str().expect("text");
        assert!(said.starts_with("PUBLISH_INVALID: ") && said.contains(layout::DECISION_PARAMS), "{name}: {said}");
        let files = [layout::PC_RUN, layout::PUBLISH_RESULT, layout::PUBLISH_LOG, "reports/pc/page/report.html"];
        let everything = files.iter().map(|file| read(&site.pc, file)).collect::<String>() + &ran.all();
        assert!(!everything.contains(secret), "{name}: repeated");
        assert_eq!(site.main(), before, "{name}: nothing was published");
    }
    params["notes"] = json!("");
    write(&site.pc, layout::DECISION_PARAMS, &format!("{params:#}\n"));
    let told = site.pc(RUN).ends("without it", 0).json();
    assert_eq!(site.host_ends("without it", 0)["trace_id"], told["run_id"]);
}
