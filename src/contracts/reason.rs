//! Reason codes: closed lists for what this program says, and a checked form for what a backend reports.
//!
//! Every code matches `^[A-Z0-9_]+$`. A code never carries text; text goes into a detail beside it.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

/// A code in a document or in the summary line. Text from outside becomes one only through [`Reason::reported`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reason(String);

/// What the summary line shows for a code that breaks the form.
pub const UNMAPPED_CASE: &str = "UNMAPPED_CASE";

impl Reason {
    /// Takes a code that somebody else reported: text after the first `:` is cut; what is then no code, and the empty
    /// words `UNKNOWN` and `NONE`, become `UNMAPPED_CASE`.
    ///
    /// ```
    /// use daily_ops::contracts::Reason;
    /// assert_eq!(Reason::reported("SYSTEM_ERROR: disk on fire").as_str(), "SYSTEM_ERROR");
    /// assert_eq!(Reason::reported("it broke").as_str(), "UNMAPPED_CASE");
    /// ```
    #[must_use]
    pub fn reported(text: &str) -> Self {
        let code = text.split(':').next().unwrap_or_default().trim();
        let well_formed = is_code(code) && code != "UNKNOWN" && code != "NONE";
        Self(if well_formed { code } else { UNMAPPED_CASE }.to_owned())
    }

    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a text has the form of a code.
#[must_use]
pub fn is_code(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// Text that may stand beside a code: one line without carriage returns, blanks collapsed, double quotes as single ones,
/// at most 240 characters.
#[must_use]
pub fn detail(text: &str) -> String {
    let plain: String = text.chars().filter(|c| *c != '\r').map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    let cut: String = words.join(" ").replace('"', "'").chars().take(240).collect();
    cut.trim_end().to_owned()
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! codes {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $code:literal : $english:literal / $korean:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $(#[doc = $english] $variant,)+ }

        impl $name {
            /// Every code of the family.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The code as documents and lines carry it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// What it means, in one English sentence.
            #[must_use]
            pub fn english(self) -> &'static str {
                match self { $(Self::$variant => $english,)+ }
            }

            /// What it means, in one Korean sentence.
            #[must_use]
            pub fn korean(self) -> &'static str {
                match self { $(Self::$variant => $korean,)+ }
            }

            /// The code with this text, if the family has it.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.as_str() == text)
            }
        }

        impl From<$name> for Reason {
            fn from(code: $name) -> Self {
                Self(code.as_str().to_owned())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

codes! {
    /// Why a stage of the daily run, or the run itself, ended as it did.
    RunCode {
        Ok = "OK": "Everything was done and verified." / "모든 단계를 수행하고 검증했습니다.",
        GitPullUpdated = "GIT_PULL_UPDATED": "The work tree was moved to the remote's newest revision." / "작업 트리를 원격의 최신 리비전으로 갱신했습니다.",
        GitPullNoChanges = "GIT_PULL_NO_CHANGES": "The remote has nothing new." / "원격에 새 변경이 없습니다.",
        GitPullSkipped = "GIT_PULL_SKIPPED": "The update was skipped on purpose." / "업데이트를 의도적으로 건너뛰었습니다.",
        GitPullFailed = "GIT_PULL_FAILED": "The work tree was not updated; the run used the files that were there." / "작업 트리를 갱신하지 못해 기존 파일로 진행했습니다.",
        BackendOk = "BACKEND_OK": "The backend answers and is healthy." / "백엔드가 정상 응답합니다.",
        BackendStopped = "BACKEND_STOPPED": "The backend answers and says that the emergency stop is on." / "백엔드가 비상 정지 상태라고 응답합니다.",
        BackendWarning = "BACKEND_WARNING": "The backend answers with a warning." / "백엔드가 경고 상태로 응답합니다.",
        BackendDown = "BACKEND_DOWN": "The backend does not answer." / "백엔드가 응답하지 않습니다.",
        BackendBadResponse = "BACKEND_BAD_RESPONSE": "The backend's health answer is no JSON object." / "백엔드 상태 응답이 JSON 객체가 아닙니다.",
        BackendUnhealthy = "BACKEND_UNHEALTHY": "The backend answers that it is in error." / "백엔드가 오류 상태라고 응답합니다.",
        SummaryOk = "SUMMARY_OK": "The ops summary was regenerated and read back." / "운영 요약을 재생성하고 다시 읽어 확인했습니다.",
        SummaryRegenFailed = "SUMMARY_REGEN_FAILED": "The ops summary could not be regenerated." / "운영 요약을 재생성하지 못했습니다.",
        SummaryInvalid = "SUMMARY_INVALID": "The ops summary cannot be read or its status is unknown." / "운영 요약을 읽을 수 없거나 상태 값이 알 수 없습니다.",
        SummaryNotFresh = "SUMMARY_NOT_FRESH": "The ops summary is older than this run." / "운영 요약이 이번 실행보다 오래되었습니다.",
        SummaryRereadFailed = "SUMMARY_REREAD_FAILED": "The last read of the summary failed; the status shown is the last one known." / "마지막 요약 재조회에 실패해 직전 상태를 표시합니다.",
        OpsBlocked = "OPS_BLOCKED": "The ops summary says BLOCKED." / "운영 요약이 BLOCKED 상태입니다.",
        OpsStopped = "OPS_STOPPED": "The ops summary says STOPPED." / "운영 요약이 STOPPED 상태입니다.",
        EmergencyStop = "EMERGENCY_STOP": "The emergency stop is on or cannot be read." / "비상 정지가 켜져 있거나 읽을 수 없습니다.",
        LiveOk = "LIVE_OK": "The live cycle ran and its receipt was verified." / "라이브 사이클이 실행되고 영수증이 검증되었습니다.",
        LiveRunFailed = "LIVE_RUN_FAILED": "The live cycle's run got no usable answer; it may have run and is never repeated." / "라이브 사이클 실행 응답을 받지 못했습니다. 실행되었을 수 있어 재시도하지 않습니다.",
        LiveConfirmRejected = "LIVE_CONFIRM_REJECTED": "The backend refused the run for want of confirmation." / "백엔드가 확인(confirm) 누락으로 실행을 거부했습니다.",
        LiveConflict = "LIVE_CONFLICT": "Another live cycle is running." / "다른 라이브 사이클이 실행 중입니다.",
        LiveParseFailed = "LIVE_PARSE_FAILED": "The live cycle's receipt cannot be read." / "라이브 사이클 영수증을 읽을 수 없습니다.",
        LiveReceiptMismatch = "LIVE_RECEIPT_MISMATCH": "The receipt read back belongs to another cycle." / "다시 읽은 영수증이 다른 사이클의 것입니다.",
        LiveIntegrityMismatch = "LIVE_INTEGRITY_MISMATCH": "The receipt's hash does not match its content." / "영수증의 해시가 내용과 일치하지 않습니다.",
        LiveIntegrityUnproven = "LIVE_INTEGRITY_UNPROVEN": "The receipt carries no hash." / "영수증에 해시가 없습니다.",
        LiveFailed = "LIVE_FAILED": "A part of the live cycle broke." / "라이브 사이클의 일부가 실패했습니다.",
        SystemError = "SYSTEM_ERROR": "The backend caught an exception inside the cycle." / "사이클 내부에서 예외가 발생했습니다.",
        BundleFail = "BUNDLE_FAIL": "The strategy bundle failed validation." / "전략 번들이 검증에 실패했습니다.",
        BundleStale = "BUNDLE_STALE": "The strategy bundle is too old." / "전략 번들이 오래되었습니다.",
        BundleStaleWarn = "BUNDLE_STALE_WARN": "The strategy bundle is too old or its age is unknown." / "전략 번들이 오래되었거나 생성 시각을 알 수 없습니다.",
        BundleUnsigned = "BUNDLE_UNSIGNED": "The strategy bundle's origin is not proved by a signature." / "전략 번들의 출처가 서명으로 증명되지 않았습니다.",
        BundleNearLimit = "BUNDLE_NEAR_LIMIT": "The strategy bundle has used over 80 % of its allowed age." / "전략 번들이 허용 수명의 80%를 넘었습니다.",
        NoBundle = "NO_BUNDLE": "There is no strategy bundle." / "전략 번들이 없습니다.",
        RecoBlocked = "RECO_BLOCKED": "The recommendation was blocked." / "추천 생성이 차단되었습니다.",
        DeliveryNotSimulated = "DELIVERY_NOT_SIMULATED": "The delivery was not the simulated console." / "전송이 시뮬레이션 콘솔이 아닙니다.",
        SnapshotOk = "SNAPSHOT_OK": "The receipt's snapshot resolves and belongs to this cycle." / "영수증 스냅샷이 확인되었고 이번 사이클의 것입니다.",
        SnapshotRefMissing = "SNAPSHOT_REF_MISSING": "The receipt names no snapshot." / "영수증에 스냅샷 참조가 없습니다.",
        SnapshotRefInvalid = "SNAPSHOT_REF_INVALID": "The receipt's snapshot ref is not an allowed ref." / "영수증의 스냅샷 참조가 허용 목록에 없습니다.",
        SnapshotUnresolved = "SNAPSHOT_UNRESOLVED": "The receipt's snapshot does not resolve." / "영수증 스냅샷을 확인할 수 없습니다.",
        SnapshotMismatch = "SNAPSHOT_MISMATCH": "The snapshot belongs to another cycle." / "스냅샷이 다른 사이클의 것입니다.",
        NoReceipt = "NO_RECEIPT": "There is no receipt whose snapshot could be checked." / "확인할 영수증이 없습니다.",
        RunTimeout = "RUN_TIMEOUT": "The whole run took longer than its limit." / "전체 실행이 제한 시간을 초과했습니다.",
        Interrupted = "INTERRUPTED": "The run was ended by a signal." / "신호로 실행이 중단되었습니다.",
        Killed = "KILLED": "The run ended without a word: its process was killed or the machine stopped." / "프로세스가 강제 종료되었거나 장비가 멈췄습니다.",
        Panicked = "PANICKED": "The program met a defect of its own and stopped." / "프로그램 내부 결함으로 중단되었습니다.",
        StoreFailed = "STORE_FAILED": "A file of the run could not be read or written." / "실행 파일을 읽거나 쓸 수 없습니다.",
        DryRun = "DRY_RUN": "The stage only read what was there." / "읽기만 수행했습니다.",
        LateRunSkipped = "LATE_RUN_SKIPPED": "The start came too late after 09:05 and was skipped." / "09:05 이후 너무 늦게 시작되어 건너뛰었습니다.",
        AlreadyRunning = "ALREADY_RUNNING": "Another run holds the lock." / "다른 실행이 잠금을 보유하고 있습니다.",
        NotReached = "NOT_REACHED": "An earlier stage ended the run." / "앞 단계에서 실행이 종료되었습니다.",
        GateReal = "GATE_REAL": "The execution gate is REAL_ENABLED." / "실행 게이트가 REAL_ENABLED입니다.",
        SenderEnabled = "SENDER_ENABLED": "The sender is enabled." / "발송기가 활성화되어 있습니다.",
        SafetyDisagrees = "SAFETY_DISAGREES": "The workspace's safety files and the backend's answer differ; the worse counts." / "작업공간의 안전 파일과 백엔드 응답이 다르며, 더 나쁜 쪽을 따릅니다.",
        SafetyUnreadable = "SAFETY_UNREADABLE": "A safety file cannot be read and counts as its safe value." / "안전 파일을 읽을 수 없어 안전한 값으로 간주합니다.",
        PcReportMissing = "PC_REPORT_MISSING": "A report that the PC publishes is missing." / "PC가 발행하는 보고서가 없습니다.",
        PcReportInvalid = "PC_REPORT_INVALID": "A report that the PC publishes cannot be read." / "PC가 발행한 보고서를 읽을 수 없습니다.",
        PcReportBootstrap = "PC_REPORT_BOOTSTRAP": "The PC's report is still the bootstrap form." / "PC 보고서가 아직 초기(bootstrap) 형식입니다.",
        PcReportStale = "PC_REPORT_STALE": "The PC's report is older than three days." / "PC 보고서가 3일보다 오래되었습니다.",
        DecisionParamsInvalid = "DECISION_PARAMS_INVALID": "The decision parameters are invalid and are not used." / "의사결정 파라미터가 유효하지 않아 사용하지 않습니다.",
        PreviousRunKilled = "PREVIOUS_RUN_KILLED": "The run before this one ended without finishing its record." / "직전 실행이 기록을 마치지 못하고 종료되었습니다.",
        ChainBroken = "CHAIN_BROKEN": "The records of earlier runs cannot be continued as they are." / "이전 실행 기록의 체인을 그대로 이어갈 수 없습니다.",
        LateRun = "LATE_RUN": "The run started later than its schedule." / "예정 시각보다 늦게 시작되었습니다.",
        CalendarUnknown = "CALENDAR_UNKNOWN": "The exchange calendar has no answer for today." / "오늘에 대한 거래소 달력 정보가 없습니다.",
        PushFailed = "PUSH_FAILED": "A message was not made or not delivered." / "메시지를 만들지 못했거나 전달하지 못했습니다.",
        PingFailed = "PING_FAILED": "The address of the dead man's switch could not be called." / "데드맨 스위치 주소를 호출하지 못했습니다.",
        HeartbeatFailed = "HEARTBEAT_FAILED": "The heartbeat file could not be written." / "하트비트 파일을 쓰지 못했습니다.",
        LowDisk = "LOW_DISK": "The disk of the workspace is nearly full." / "작업공간 디스크가 거의 가득 찼습니다.",
    }
}

codes! {
    /// Why an order plan is what it is.
    OrderPlanReason {
        Success = "SUCCESS": "The plan holds orders for a person to confirm." / "사람이 확인할 주문이 있습니다.",
        NoReco = "NO_RECO": "There is no recommendation that orders could be made from." / "주문을 만들 추천이 없습니다.",
        NoOrdersFromReco = "NO_ORDERS_FROM_RECO": "The recommendation recommends nothing." / "추천 내용이 없습니다.",
        NoPortfolio = "NO_PORTFOLIO": "There is no portfolio." / "포트폴리오가 없습니다.",
        PortfolioReadError = "PORTFOLIO_READ_ERROR": "The portfolio cannot be read." / "포트폴리오를 읽을 수 없습니다.",
        PortfolioSchemaInvalid = "PORTFOLIO_SCHEMA_INVALID": "The portfolio has values that cannot be." / "포트폴리오 값이 올바르지 않습니다.",
        PortfolioInconsistent = "PORTFOLIO_INCONSISTENT": "The portfolio has holdings and no value." / "보유 종목이 있는데 평가액이 없습니다.",
        PriceMissing = "PRICE_MISSING": "A price that an order needs is not known." / "주문에 필요한 가격을 알 수 없습니다.",
        CashFloorBreach = "CASH_FLOOR_BREACH": "The buys would go below the least share of cash." / "매수하면 최소 현금 비율을 지킬 수 없습니다.",
        NoOrders = "NO_ORDERS": "No order is left after sizing." / "수량 계산 후 남은 주문이 없습니다.",
        WriteError = "WRITE_ERROR": "The plan cannot be stored." / "계획을 저장할 수 없습니다.",
    }
}

codes! {
    /// Why a live cycle ended as it did.
    CycleReason {
        Success = "SUCCESS": "Every part of the cycle was done." / "사이클의 모든 단계를 마쳤습니다.",
        BundleStale = "BUNDLE_STALE": "The strategy bundle is too old or its age is unknown." / "전략 번들이 오래되었거나 생성 시각을 알 수 없습니다.",
        BundleFail = "BUNDLE_FAIL": "The strategy bundle failed validation." / "전략 번들이 검증에 실패했습니다.",
        NoBundle = "NO_BUNDLE": "There is no strategy bundle." / "전략 번들이 없습니다.",
        RecoBlocked = "RECO_BLOCKED": "The recommendation was blocked." / "추천 생성이 차단되었습니다.",
        RecoFail = "RECO_FAIL": "The recommendation could not be produced." / "추천을 생성하지 못했습니다.",
        SummaryFail = "SUMMARY_FAIL": "The ops summary could not be produced." / "운영 요약을 생성하지 못했습니다.",
        PushFail = "PUSH_FAIL": "The push preview could not be produced." / "메시지 미리보기를 생성하지 못했습니다.",
        EmergencyStop = "EMERGENCY_STOP": "The emergency stop is on or cannot be read." / "비상 정지가 켜져 있거나 읽을 수 없습니다.",
        SystemError = "SYSTEM_ERROR": "The cycle met a defect of the program." / "사이클 내부에서 예외가 발생했습니다.",
    }
}

codes! {
    /// Why a recommendation report says what it says.
    RecoReason {
        Success = "SUCCESS": "The bundle's signals are passed on." / "번들의 신호를 전달합니다.",
        NoSignal = "NO_SIGNAL": "The bundle holds neither picks nor actions." / "번들에 종목 선정과 보유 조치가 없습니다.",
        NoBundle = "NO_BUNDLE": "There is no strategy bundle." / "전략 번들이 없습니다.",
        BundleFail = "BUNDLE_FAIL": "The strategy bundle failed validation." / "전략 번들이 검증에 실패했습니다.",
        BundleStale = "BUNDLE_STALE": "The strategy bundle is too old or its age is unknown." / "전략 번들이 오래되었거나 생성 시각을 알 수 없습니다.",
        SystemError = "SYSTEM_ERROR": "The report met a defect of the program." / "추천 생성 중 예외가 발생했습니다.",
    }
}

codes! {
    /// What a reconciliation, or the reports made from it, has to say.
    ReconCode {
        DataMissingWithExecution = "IC_DATA_MISSING_WITH_EXECUTION": "Trades were executed on a day without usable market evidence." / "시장 증거가 없는 날에 체결이 있었습니다.",
        ExecutedButFinalBlock = "IC_EXECUTED_BUT_FINAL_BLOCK": "Trades were executed although the final gate says BLOCK." / "최종 게이트가 BLOCK인데 체결이 있었습니다.",
        ExecutionOnClosedDay = "IC_EXECUTION_ON_CLOSED_DAY": "Trades were executed on a day without a session." / "휴장일에 체결이 있었습니다.",
        EvidencePriceJump = "IC_EVIDENCE_PRICE_JUMP": "The evidence's close moved by more than 30.5 % in one day." / "증거 종가가 하루에 30.5 %를 넘게 변했습니다.",
        CountMismatch = "IC_L1_L2_MISMATCH": "The ledger and the validation count different trades." / "원장과 검증의 거래 수가 다릅니다.",
        NonDeterministic = "IC_RECON_NON_DETERMINISTIC": "Two runs over the same inputs gave different results." / "같은 입력으로 두 번 실행한 결과가 서로 다릅니다.",
        ProvenanceMissing = "IC_PROVENANCE_MISSING": "The result names no input that was read." / "결과에 확인된 입력 출처가 없습니다.",
        CoverageRegression = "EVIDENCE_COVERAGE_REGRESSION": "The evidence covers less than the baseline." / "증거 데이터의 범위가 기준보다 줄었습니다.",
        OutsideEvidence = "EXECUTION_OUTSIDE_EVIDENCE_COVERAGE": "Trades were executed on days that the evidence does not cover." / "증거 데이터 범위 밖에 체결이 있습니다.",
        LedgerParse = "LEDGER_PARSE_ERROR": "A line of the ledger cannot be read." / "원장의 한 줄을 읽을 수 없습니다.",
        EvidenceRead = "EVIDENCE_READ_ERROR": "The evidence file is there but cannot be read." / "증거 파일을 읽을 수 없습니다.",
        BaselineRead = "BASELINE_READ_ERROR": "The coverage baseline is there but cannot be read." / "기준 범위 파일을 읽을 수 없습니다.",
        ReconNotReady = "IC_RECON_NOT_READY": "There is no complete result of a reconciliation." / "완전한 대사 결과가 없습니다.",
        ReportNotReady = "IC_REPORT_NOT_READY": "A report of the pair is missing." / "보고서 쌍 중 하나가 없습니다.",
        ReportSchemaMismatch = "IC_REPORT_SCHEMA_MISMATCH": "A document is not of the schema that is due, or does not belong to the summary." / "문서의 스키마가 다르거나 요약과 맞지 않습니다.",
        AiReportBudget = "IC_AI_REPORT_BUDGET_EXCEEDED": "The short report is longer than 1200 characters." / "AI 보고서가 1200자를 넘습니다.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_is_well_formed_unique_and_explained_twice() {
        let codes: BTreeSet<_> = RunCode::ALL.iter().map(|c| c.as_str()).collect();
        assert_eq!(codes.len(), RunCode::ALL.len());
        for code in RunCode::ALL {
            assert!(is_code(code.as_str()), "{code}");
            assert!(code.english().ends_with('.') && code.korean().ends_with('.'), "{code}");
            assert_eq!(RunCode::parse(code.as_str()), Some(*code));
        }
        let codes: BTreeSet<_> = ReconCode::ALL.iter().map(|c| c.as_str()).collect();
        assert_eq!(codes.len(), ReconCode::ALL.len());
        for code in ReconCode::ALL {
            assert!(is_code(code.as_str()) && code.english().ends_with('.') && code.korean().ends_with('.'), "{code}");
        }
    }

    #[test]
    fn a_detail_is_one_short_line() {
        let cases = [
            ("plain", "plain"),
            (" two\r\nlines\twith \u{1b}[31m \"quotes\" ", "two lines with [31m 'quotes'"),
            ("", ""),
        ];
        for (text, want) in cases {
            assert_eq!(detail(text), want, "{text:?}");
        }
        assert_eq!(detail(&"가".repeat(500)).chars().count(), 240);
        assert_eq!(detail("a\rb"), "ab", "a carriage return leaves nothing behind");
    }

    proptest::proptest! {
        #[test]
        fn prop_a_detail_is_one_short_line_whatever_comes_in(text in "(?s).{0,400}|[ \"\r\n\t가a]{0,400}") {
            let said = detail(&text);
            proptest::prop_assert!(said.chars().count() <= 240);
            proptest::prop_assert!(!said.chars().any(|c| c.is_control() || c == '"'));
            proptest::prop_assert!(!said.contains("  ") && said.trim() == said);
            proptest::prop_assert_eq!(detail(&said), said.clone());
        }
    }

    #[test]
    fn reported_codes_are_cut_and_checked() {
        let cases = [
            ("BUNDLE_STALE", "BUNDLE_STALE"),
            ("SYSTEM_ERROR: text", "SYSTEM_ERROR"),
            ("BUNDLE_STALE : x", "BUNDLE_STALE"),
            ("", "UNMAPPED_CASE"),
            ("UNKNOWN", "UNMAPPED_CASE"),
            ("NONE", "UNMAPPED_CASE"),
            ("lower", "UNMAPPED_CASE"),
            ("A-B", "UNMAPPED_CASE"),
            ("한글", "UNMAPPED_CASE"),
        ];
        for (text, want) in cases {
            assert_eq!(Reason::reported(text).as_str(), want, "{text:?}");
        }
    }
}
