package permit

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"accessrelay/internal/event"
	"accessrelay/internal/source"
)

func TestContract(t *testing.T) {
	p := New()
	if p.Name() != "permit" || !slices.Equal(p.Methods(), []string{"POST"}) || p.EmptyReply() {
		t.Errorf("%s %v %t", p.Name(), p.Methods(), p.EmptyReply())
	}
}

// Any JSON object is an event of Permit.
func TestCheck(t *testing.T) {
	for body, passes := range map[string]bool{
		`{}`:                         true,
		`{"type":null}`:              true,
		`{"type":{"not":"text"}}`:    true,
		`{"pdp_ids":[]}`:             true,
		` {"anything": ["at all"]} `: true,
		`[]`:                         false,
		`null`:                       false,
		`type=create_user`:           false,
	} {
		err := New().Check([]byte(body))
		var envelope *source.EnvelopeError
		if passes && err != nil || !passes && (!errors.As(err, &envelope) || envelope.Field != "") {
			t.Errorf("Check(%s): %v", body, err)
		}
	}
}

// The whole mapping, independent of the maps that implement it.
func TestTypes(t *testing.T) {
	for want, words := range map[event.Type]string{
		event.UserCreated:      "create_user",
		event.UserInvited:      "invite_user",
		event.UserRoleAssigned: "role_assignment",
		event.Unrecognized: "create user delete_user user_created invite role_assignments CREATE_USER Create_User " +
			"ElementsWebhookType.create_user user.created unrecognized test pdp_sync_error",
	} {
		for word := range strings.FieldsSeq(words) {
			if e := normalize(fmt.Sprintf(`{"type":%q,"status":"approved"}`, word)); e.Type != want || e.PlatformEvent != word {
				t.Errorf("%s gives %s, %q; want %s", word, e.Type, e.PlatformEvent, want)
			}
		}
	}
}

// How the two kinds come, against every status.
func TestStatuses(t *testing.T) {
	statuses := map[string]string{ // canonical, but for its first part
		`"pending"`: "pending", `"approved"`: "approved",
		`"denied"`: "denied", `"deny"`: "denied",
		`"canceled"`: "cancelled", `"cancelled"`: "cancelled", `"cancel"`: "cancelled",
		`"approve"`: "", `"Approved"`: "", `"APPROVED"`: "", `" approved"`: "", `"RequestStatus.approved"`: "",
		`"expired"`: "", `"done"`: "", `""`: "", `null`: "", `1`: "", `true`: "", `["approved"]`: "", `{"approved":true}`: "",
	}
	const access, operation = `"access_request_details":{"tenant":"t"}`, `"operation_approval_details":{"tenant":"t"}`
	kinds := map[string]struct{ canonical, name string }{
		access:                   {"request", "access_request"},
		operation:                {"operation", "operation_approval"},
		access + `,"type":null`:  {"request", "access_request"},
		operation + `,"type":""`: {"operation", "operation_approval"},
		access + `,"operation_approval_details":null`:             {"request", "access_request"},
		operation + `,"access_request_details":null`:              {"operation", "operation_approval"},
		operation + `,"access_request_details":"t"`:               {"operation", "operation_approval"},
		access + `,"type":"access_request"`:                       {"request", "access_request"},
		operation + `,"type":"operation_approval"`:                {"operation", "operation_approval"},
		access + `,"type":"operation_approval"`:                   {"operation", "operation_approval"}, // the SDK's
		operation + `,"type":"access_request"`:                    {"request", "access_request"},
		access + `,` + operation + `,"type":"operation_approval"`: {"operation", "operation_approval"},
		access + `,` + operation + `,"type":"access_request"`:     {"request", "access_request"},
		`"type":"operation_approval"`:                             {"operation", "operation_approval"},
	}
	for kind, k := range kinds {
		for status, what := range statuses {
			want := event.Type(k.canonical + "." + what)
			if what == "" {
				want = event.Unrecognized
			}
			name := k.name
			if len(status) > 2 && status[0] == '"' {
				name += ":" + strings.Trim(status, `"`)
			}
			e := normalize(`{` + kind + `,"status":` + status + `,"requesting_user_id":"u"}`)
			if e.Type != want || e.PlatformEvent != name {
				t.Errorf("%s with status %s gives %s, %q; want %s, %q", kind, status, e.Type, e.PlatformEvent, want, name)
			}
			if e.Requester == nil || e.Requester.ID != "u" {
				t.Errorf("%s with status %s loses its facts: %+v", kind, status, e)
			}
		}
	}
}

// What says nothing about itself, or two things, is no event that anybody knows.
func TestUndecided(t *testing.T) {
	const access, operation = `"access_request_details":{"tenant":"t"}`, `"operation_approval_details":{"tenant":"t"}`
	for _, kind := range []string{
		access + `,` + operation,
		access + `,` + operation + `,"type":null`,
		`"details":{"tenant":"t"}`,
		`"access_request_details":null`, `"access_request_details":"t"`, `"access_request_details":[{"tenant":"t"}]`,
		`"operation_approval_details":true`, `"operation_approval_details":1`,
		access + `,"type":1`, access + `,"type":false`, access + `,"type":["access_request"]`,
		access + `,"type":{}`, operation + `,"type":{"value":"operation_approval"}`,
		`"org_id":"o","project_id":"p","env_id":"e","pdp_ids":["x"]`,
	} {
		e := normalize(`{` + kind + `,"status":"approved","requesting_user_id":"u","reason":"r"}`)
		if e.Type != event.Unrecognized || e.PlatformEvent != "" || e.Requester != nil || e.Request != nil || e.Access != nil {
			t.Errorf("%s gives %+v", kind, e)
		}
	}
}

// A reviewer is said to have done only what the status says.
func TestApprovalStatus(t *testing.T) {
	want := map[string]string{
		"pending": "pending", "approved": "approved", "denied": "denied", "deny": "denied",
		"canceled": "", "cancel": "", "approve": "", "other": "",
	}
	for status, approval := range want {
		for _, details := range []string{"access_request_details", "operation_approval_details"} {
			e := normalize(fmt.Sprintf(`{%q:{},"status":%q,"reviewer_user_id":"r"}`, details, status))
			if len(e.Approvals) != 1 || e.Approvals[0].Status != approval || e.Approvals[0].Approver.ID != "r" {
				t.Errorf("%s, %s: approvals %+v, want status %q", details, status, e.Approvals, approval)
			}
		}
	}
	if e := normalize(`{"access_request_details":{},"status":"approved","reviewer_user_id":null,"reviewer_comment":""}`); e.Approvals != nil {
		t.Errorf("nobody reviewed, and there is %+v", e.Approvals)
	}
}
