package ack

import (
	"context"
	"testing"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want Level
		ok   bool
	}{
		{"memory", Memory, true},
		{"fsync", Fsync, true},
		{"replicas:1", Replicas(1), true},
		{"replicas: 2", Replicas(2), true},
		{" replicas : 16 ", Replicas(16), true},
		{"", Level{}, false},
		{"replicas", Level{}, false},
		{"replicas:", Level{}, false},
		{"replicas:0", Level{}, false},
		{"replicas:-1", Level{}, false},
		{"replicas:17", Level{}, false},
		{"replicas:one", Level{}, false},
		{"Memory", Level{}, false},
		{"fsync:1", Level{}, false},
	} {
		got, err := Parse(tt.in)
		if (err == nil) != tt.ok || got != tt.want {
			t.Errorf("Parse(%q) = %v, %v", tt.in, got, err)
			continue
		}
		if !tt.ok {
			continue
		}
		if again, err := Parse(got.String()); err != nil || again != got {
			t.Errorf("Parse(%q.String()) = %v, %v", tt.in, again, err)
		}
	}
}

func TestRequired(t *testing.T) {
	if IsRequired(context.Background()) {
		t.Error("an unmarked context is marked")
	}
	ctx, cancel := context.WithCancel(Required(context.Background()))
	defer cancel()
	if !IsRequired(ctx) {
		t.Error("the mark was lost on the way")
	}
}
