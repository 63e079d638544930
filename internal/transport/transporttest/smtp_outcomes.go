package transporttest

import (
	"fmt"
	"strings"
	"testing"
)

func smtpProtocol(implicit bool) Protocol {
	p := Protocol{
		usual: good,
		start: func(t *testing.T, k security) destination {
			t.Helper()
			return startSMTP(t, k, implicit)
		},
		orders: map[order]want{
			confirm:    {},
			refuse:     dead("rejected"),
			deferIt:    retry("deferred"),
			cut:        retry("connection"),
			redirectIt: dead("rejected"),
			babble:     retry("bad_response"),
		},
		outcomes: smtpOutcomes(implicit),
		texts: func(t *testing.T, m Message) []string {
			t.Helper()
			return checkMail(t, m)
		},
	}
	return p
}

// smtpOutcomes: what follows from each reply at each stage. 4yz is for later,
// 5yz for good, and what is neither these nor what the stage expects is no SMTP.
func smtpOutcomes(implicit bool) []outcome {
	var out []outcome
	add := func(at stage, w want, replies ...string) {
		for _, reply := range replies {
			tells := ""
			if len(reply) >= 3 && reply[0] >= '4' && reply[0] <= '5' && (len(reply) == 3 || strings.Contains(" -", reply[3:4])) {
				tells = reply[:3]
			}
			out = append(out, outcome{fmt.Sprintf("%s %s", at, strings.Trim(reply, "\x00")), smtpScript{at: reply}, w, tells})
		}
	}
	stages := []stage{atBanner, atEHLO, atSTARTTLS, atAUTH, atMAIL, atRCPT, atDATA, atEnd}
	for _, at := range stages {
		if at == atSTARTTLS && implicit {
			continue
		}
		add(at, retry("connection"), smtpCut)
		add(at, retry("bad_response"), "canary", "25", "2500 canary", "999 canary", "\xff\xfe")
		if at != atEHLO { // after which HELO may be tried
			add(at, dead("rejected"), "550 5.0.0 canary", "554 canary", "500 canary", "554-canary\r\n554 canary")
			add(at, retry("deferred"), "450 4.0.0 canary", "451 canary", "400 canary")
		}
		add(at, retry("deferred"), "421 4.3.2 canary")
	}
	add(atEHLO, dead("rejected"), "550 canary", "554 canary")
	add(atEHLO, retry("deferred"), "450 canary", "451 canary")
	add(atBanner, dead("rejected"), "521 canary", "556 canary")
	add(atAUTH, dead("rejected"), "535 5.7.8 canary", "534 5.7.9 canary", "538 5.7.11 canary", "504 5.5.4 canary", "530 5.7.0 canary")
	add(atAUTH, retry("deferred"), "454 4.7.0 canary")
	add(atMAIL, dead("rejected"), "552 5.3.4 canary", "553 5.1.8 canary", "530 5.7.0 canary", "501 canary", "503 canary")
	add(atMAIL, retry("deferred"), "452 4.3.1 canary", "455 canary")
	add(atRCPT, want{}, "251 2.1.5 will forward", "252 2.0.0 will try")
	add(atRCPT, dead("rejected"), "551 5.1.6 canary", "552 5.2.2 canary", "553 5.1.3 canary", "501 canary", "503 canary")
	add(atRCPT, retry("deferred"), "452 4.5.3 canary")
	add(atDATA, dead("rejected"), "503 canary")
	add(atEnd, dead("rejected"), "552 5.3.4 canary", "571 5.7.1 canary")
	add(atEnd, retry("deferred"), "452 4.3.1 canary", "471 canary")
	if !implicit {
		add(atSTARTTLS, retry("deferred"), "454 4.7.0 canary")
		add(atSTARTTLS, dead("rejected"), "502 canary", "501 canary")
	}
	return out
}
