package cmd

import (
	"errors"
	"testing"
)

func TestMessage(t *testing.T) {
	tests := []struct {
		name, err     string
		args, environ []string
		want          string
	}{
		{"a flag", "--redis-url: no", []string{"--redis-url=x"}, nil, "--redis-url: no"},
		{"a flag and its value apart", "--redis-url: no", []string{"--redis-url", "x"}, []string{"ACCESSRELAY_REDIS_URL=y"}, "--redis-url: no"},
		{"a variable", "--redis-url: no: never", []string{"--ack=memory"}, []string{"A=b", "ACCESSRELAY_REDIS_URL=x"}, "ACCESSRELAY_REDIS_URL: no: never"},
		{"the flag wins", "--redis-url: no", []string{"--redis-url=x"}, []string{"ACCESSRELAY_REDIS_URL=y"}, "--redis-url: no"},
		{"a default", "--ops-addr: taken", []string{"--ops-addr-x=1"}, []string{"ACCESSRELAY_OPS_ADDR_X=1", "ACCESSRELAY_OPS_ADDR"}, "--ops-addr: taken"},
		{"a file's flag", "--secrets-recipients: no", []string{"--secrets-recipients-file=x"}, nil, "--secrets-recipients-file: no"},
		{"a file's variable", "--secrets-recipients: no", []string{"--secrets-recipients", ""},
			[]string{"ACCESSRELAY_SECRETS_RECIPIENTS=", "ACCESSRELAY_SECRETS_RECIPIENTS_FILE=x"}, "ACCESSRELAY_SECRETS_RECIPIENTS_FILE: no"},
		{"a file beside it", "--secrets-recipients: no", nil,
			[]string{"ACCESSRELAY_SECRETS_RECIPIENTS_FILE=", "ACCESSRELAY_SECRETS_RECIPIENTS=x"}, "ACCESSRELAY_SECRETS_RECIPIENTS: no"},
		{"the last variable counts", "--ack: no", nil, []string{"ACCESSRELAY_ACK=x", "ACCESSRELAY_ACK="}, "--ack: no"},
		{"no setting", "accessrelay.yaml:3: --ack: no", []string{"--ack=x"}, []string{"ACCESSRELAY_ACK=x"}, "accessrelay.yaml:3: --ack: no"},
		{"already a variable", "ACCESSRELAY_ACK: no", []string{"--ack=x"}, nil, "ACCESSRELAY_ACK: no"},
	}
	for _, tt := range tests {
		if got := Message(errors.New(tt.err), tt.args, tt.environ); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
