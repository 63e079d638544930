package permit

import (
	"reflect"
	"testing"

	"accessrelay/internal/event"
)

// Every key of the three events of a user, alone, in each of them: what is
// documented for one means the same in the others.
func TestUserFacts(t *testing.T) {
	tenant := []event.Access{{Integration: &event.Integration{ID: "x"}}}
	for fact, want := range map[string]event.Event{
		`"email":"a@example.com"`:                 {Grantee: &event.Person{Email: "a@example.com"}},
		`"user_id":"u"`:                           {Grantee: &event.Person{ID: "u"}},
		`"user_id":"a@example.com"`:               {Grantee: &event.Person{Email: "a@example.com"}},
		`"user_id":"u","email":"a@example.com"`:   {Grantee: &event.Person{ID: "u", Email: "a@example.com"}},
		`"user_id":"u","email":null`:              {Grantee: &event.Person{ID: "u"}},
		`"user_invite_id":"x"`:                    {Request: &event.Request{ID: "x"}},
		`"tenant_key":"x"`:                        {Access: tenant},
		`"tenant_id":"x"`:                         {Access: tenant},
		`"tenant_key":"k","tenant_id":"x"`:        {Access: tenant},
		`"tenant_key":"x","tenant_id":""`:         {Access: tenant},
		`"resource_instance_key":"x"`:             {Access: []event.Access{{Resource: &event.Resource{ID: "x"}}}},
		`"role":"x"`:                              {Access: []event.Access{{Permission: &event.Permission{Name: "x"}}}},
		`"permission_level":"x"`:                  {Access: []event.Access{{Permission: &event.Permission{Description: "x"}}}},
		`"role":"r","permission_level":"x"`:       {Access: []event.Access{{Permission: &event.Permission{Name: "r", Description: "x"}}}},
		`"reason":"x","reviewer_user_id":"y"`:     {},
		`"requesting_user_id":"x","status":"y"`:   {},
		`"access_request_details":{"action":"x"}`: {},
	} {
		for name, typ := range map[string]event.Type{
			"create_user": event.UserCreated, "invite_user": event.UserInvited, "role_assignment": event.UserRoleAssigned,
		} {
			want.Type, want.PlatformEvent = typ, name
			checkFacts(t, `{"type":"`+name+`",`+fact+`}`, want)
		}
	}
}

// Every key of an access request, alone, and of an operation approval.
func TestReviewFacts(t *testing.T) {
	approver := &event.Person{Email: "a@example.com"}
	for facts, want := range map[[2]string]event.Event{
		{`"requesting_user_id":"a@example.com"`}:           {Requester: approver},
		{`"requesting_user_id":"u"`}:                       {Requester: &event.Person{ID: "u"}},
		{`"reason":"x"`}:                                   {Request: &event.Request{Reason: "x"}},
		{`"reviewer_user_id":"a@example.com"`}:             {Approvals: []event.Approval{{Status: "denied", Approver: approver}}},
		{`"reviewer_comment":"x"`}:                         {Approvals: []event.Approval{{Status: "denied", Comment: "x"}}},
		{``, `"tenant":"x"`}:                               {Access: []event.Access{{Integration: &event.Integration{ID: "x"}}}},
		{``, `"resource":"x"`}:                             {Access: []event.Access{{Resource: &event.Resource{Type: "x"}}}},
		{``, `"resource_instance":"x"`}:                    {Access: []event.Access{{Resource: &event.Resource{ID: "x"}}}},
		{``, `"action":"x"`}:                               {Access: []event.Access{{Permission: &event.Permission{Name: "x"}}}},
		{``, `"role":"x"`}:                                 {Access: []event.Access{{Permission: &event.Permission{Name: "x"}}}},
		{`"email":"x","user_id":"x","user_invite_id":"x"`}: {},
		{`"tenant_id":"x","tenant_key":"x","role":"x"`}:    {},
		{``, `"reason":"x","status":"approved"`}:           {},
		{``, `"role":"r","action":"a","resource":"t"`}: {Access: []event.Access{
			{Resource: &event.Resource{Type: "t"}, Permission: &event.Permission{Name: "a"}},
			{Resource: &event.Resource{Type: "t"}, Permission: &event.Permission{Name: "r"}},
		}},
	} {
		beside := facts[0]
		if beside != "" {
			beside = "," + beside
		}
		for name, typ := range map[string]event.Type{
			"access_request": event.RequestDenied, "operation_approval": event.OperationDenied,
		} {
			want.Type, want.PlatformEvent = typ, name+":denied"
			checkFacts(t, `{"status":"denied","`+name+`_details":{`+facts[1]+`}`+beside+`}`, want)
		}
	}
}

func checkFacts(t *testing.T, body string, want event.Event) {
	t.Helper()
	var got event.Event
	New().Normalize([]byte(body), &got)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s gives %+v, want %+v", body, got, want)
	}
}
