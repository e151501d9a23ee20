//! What the presenter says and does, minute by minute, in both languages.

use crate::settings::Lang;

/// A text in both languages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said {
    pub(crate) ko: &'static str,
    pub(crate) en: &'static str,
}

impl Said {
    pub(crate) fn to(self, lang: Lang) -> &'static str {
        match lang {
            Lang::Ko => self.ko,
            Lang::En => self.en,
        }
    }
}

/// A part of the demo.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beat {
    /// Seconds after the start.
    pub(super) from: u64,
    /// Where the next part begins.
    pub(super) to: u64,
    pub(super) say: Said,
    pub(super) show: Said,
}

pub(super) const INTRO: Beat = Beat {
    from: 0,
    to: 20,
    say: Said {
        ko: "이 화면 하나로 시스템이 정상인지, 방금 무슨 일이 있었는지, 놓친 것이 없는지를 봅니다. \
             Health는 전체 상태, DropCount는 전달하지 못한 이벤트 수, Subscribers는 지금 보고 있는 화면 수입니다.",
        en: "This one page says whether the system is healthy, what just happened, and whether anything was lost. Health is \
             the overall state, DropCount the events that could not be delivered, Subscribers the screens that watch now.",
    },
    show: Said {
        ko: "/ops 페이지를 열고 카드 세 개를 차례로 가리킵니다. 연결 표시가 실시간인지 확인합니다.",
        en: "Open /ops and point at the three cards. The connection indicator says Live.",
    },
};

pub(super) const EVENT: Beat = Beat {
    from: 20,
    to: 45,
    say: Said {
        ko: "지금 이벤트 하나를 넣겠습니다. 1초 안에 타임라인에 나타납니다. 이 trace_id로 끝까지 추적합니다.",
        en: "I inject one event now. It is on the timeline within a second, and this trace id follows it to the end.",
    },
    show: Said {
        ko: "타임라인의 새 줄을 가리키고 trace_id의 앞 여덟 글자를 읽습니다.",
        en: "Point at the new row of the timeline and read out the first eight characters of its trace id.",
    },
};

pub(super) const STORY: Beat = Beat {
    from: 45,
    to: 80,
    say: Said {
        ko: "신호, 위험 평가, 주문이 하나의 trace_id로 묶입니다. 하나의 이야기, 하나의 추적입니다.",
        en: "Signal, risk review and order are grouped under one trace id: one story, one trace.",
    },
    show: Said {
        ko: "이벤트 네 개가 모인 그룹을 펼칩니다. 다른 trace는 따로 있습니다.",
        en: "Open the group of four events. The event of another trace stands apart.",
    },
};

pub(super) const TYPE: Beat = Beat {
    from: 80,
    to: 90,
    say: Said {
        ko: "종류로 거르면 위험 평가만 남습니다.", en: "A filter by type leaves the risk reviews alone."
    },
    show: Said {
        ko: "종류 필터에서 RiskEvaluated를 고릅니다.", en: "Choose RiskEvaluated in the type filter."
    },
};

pub(super) const TRACE: Beat = Beat {
    from: 90,
    to: 100,
    say: Said {
        ko: "trace_id의 일부만 알아도 그 이야기를 바로 찾습니다.",
        en: "A part of the trace id is enough to find its story.",
    },
    show: Said {
        ko: "종류 필터를 지우고 trace 검색란에 아래 글자를 넣습니다.",
        en: "Clear the type filter and type the characters below into the trace search.",
    },
};

pub(super) const EXPORT: Beat = Beat {
    from: 100,
    to: 115,
    say: Said {
        ko: "내보낸 파일이 감사 원본입니다. 이벤트는 그대로이고 SHA-256 해시가 함께 나갑니다.",
        en: "The export is the original for an audit: unmodified events and a SHA-256 with them.",
    },
    show: Said {
        ko: "내보내기 버튼을 누르고 받은 파일을 보여 줍니다.",
        en: "Press Export and show the file that arrived.",
    },
};

pub(super) const CLOSING: Beat = Beat {
    from: 115,
    to: 120,
    say: Said {
        ko: "감지하고, 통제하고, 증거를 남깁니다. 손실이 있었는지는 지금 세어서 말씀드립니다.",
        en: "We detect, we control, and we keep the evidence. Whether anything was lost is counted now, and told.",
    },
    show: Said { ko: "DropCount 카드를 다시 가리킵니다.", en: "Point at the DropCount card once more." },
};

pub(super) const KILL: Beat = Beat {
    from: 120,
    to: 130,
    say: Said {
        ko: "마지막으로 킬 스위치입니다. 켜면 위험 모드가 KILL이 되고, 누가 왜 켰는지 감사 번호가 남습니다. \
             연결된 엔진이 없으므로 실제 주문은 시도하지 않습니다.",
        en: "Last, the kill switch. When it is on, the risk mode is KILL, and an audit id says who set it and why. No engine \
             is connected, so no order is tried.",
    },
    show: Said {
        ko: "trace 검색란을 비우고, 킬 스위치 카드가 ON으로 바뀌는 것을 가리킵니다. 10초 뒤 다시 꺼집니다.",
        en: "Clear the trace search and point at the kill switch card: it says ON, and goes off again after ten seconds.",
    },
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_follow_each_other_and_fill_two_minutes() {
        let beats = [INTRO, EVENT, STORY, TYPE, TRACE, EXPORT, CLOSING];
        assert_eq!((beats[0].from, beats[beats.len() - 1].to), (0, 120));
        for pair in beats.windows(2) {
            assert_eq!(pair[0].to, pair[1].from);
        }
    }

    #[test]
    fn both_languages_say_the_words_of_the_cards() {
        for word in ["Health", "DropCount", "Subscribers"] {
            assert!(INTRO.say.ko.contains(word) && INTRO.say.en.contains(word), "{word}");
        }
        for beat in [INTRO, EVENT, STORY, TYPE, TRACE, EXPORT, CLOSING, KILL] {
            for said in [beat.say, beat.show] {
                assert!(said.en.is_ascii() && !said.ko.is_ascii());
                assert_ne!(said.to(Lang::Ko), said.to(Lang::En));
            }
        }
    }
}
