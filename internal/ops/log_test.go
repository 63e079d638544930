package ops

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestNewLogger(t *testing.T) {
	var buf bytes.Buffer
	log, err := NewLogger(&buf, "warn", "json")
	if err != nil {
		t.Fatal(err)
	}
	log.Info("quiet")
	log.Warn("loud", "event_id", "evt_1")
	var line map[string]any
	if err := json.Unmarshal(buf.Bytes(), &line); err != nil {
		t.Fatalf("want one line of JSON, got %s", buf.String())
	}
	if line["msg"] != "loud" || line["level"] != "WARN" || line["event_id"] != "evt_1" {
		t.Errorf("logged %v", line)
	}

	buf.Reset()
	log, err = NewLogger(&buf, "debug", "text")
	if err != nil {
		t.Fatal(err)
	}
	log.Debug("hello")
	if !strings.Contains(buf.String(), "level=DEBUG msg=hello") {
		t.Errorf("logged %s", buf.String())
	}
}

func TestNewLoggerRefuses(t *testing.T) {
	tests := []struct{ level, format, want string }{
		{"loud", "json", `log level "loud": want debug, info, warn or error`},
		{"", "json", `log level "": want debug, info, warn or error`},
		{"info", "xml", `log format "xml": want json or text`},
	}
	for _, tt := range tests {
		if _, err := NewLogger(nil, tt.level, tt.format); err == nil || err.Error() != tt.want {
			t.Errorf("NewLogger(%q, %q) = %v, want %s", tt.level, tt.format, err, tt.want)
		}
	}
}
