package apono

import (
	"accessrelay/internal/event"
	"accessrelay/internal/source"
)

// How large the texts in access may get: see the package's comment.
const (
	perBodyByte = 4
	headroom    = 256 << 10
	perAccess   = 64 // what an access takes besides its texts
)

func readAccess(data source.Object, size int) []event.Access {
	l := accessList{room: headroom + perBodyByte*size}
	for group := range parts(data, "access_groups") {
		integration := readIntegration(group)
		before := len(l.list)
		for unit := range parts(group, "access_units") {
			l.addUnit(integration, unit)
		}
		if len(l.list) == before {
			l.add(event.Access{Integration: integration})
		}
	}
	return l.list
}

type accessList struct {
	list []event.Access
	room int // bytes; below zero the list is closed
}

// addUnit adds an access for each permission on the unit's resource.
func (l *accessList) addUnit(integration *event.Integration, unit source.Object) {
	resource, permissions := readResource(unit), readPermissions(unit)
	if len(permissions) == 0 && resource != nil {
		l.add(event.Access{Integration: integration, Resource: resource})
	}
	for _, p := range permissions {
		l.add(event.Access{Integration: integration, Resource: resource, Permission: p})
	}
}

func (l *accessList) add(a event.Access) {
	if a == (event.Access{}) || l.room < 0 {
		return
	}
	if l.room -= textSize(a); l.room >= 0 {
		l.list = append(l.list, a)
	}
}

func textSize(a event.Access) int {
	n := perAccess
	if i := a.Integration; i != nil {
		n += len(i.ID) + len(i.Name) + len(i.Type)
	}
	if r := a.Resource; r != nil {
		n += len(r.ID) + len(r.Name) + len(r.Path) + len(r.Type)
	}
	if p := a.Permission; p != nil {
		n += len(p.ID) + len(p.Name)
	}
	return n
}

func readIntegration(group source.Object) *event.Integration {
	in := part(group["integration"])
	return source.Present(event.Integration{ID: text(in, "id"), Name: text(in, "name"), Type: text(in, "type")})
}

func readResource(unit source.Object) *event.Resource {
	in := part(unit["resource"])
	r := event.Resource{ID: text(in, "id"), Name: text(in, "name"), Path: text(in, "path")}
	kind := part(in["type"])
	if r.Type = text(kind, "name"); r.Type == "" {
		r.Type = text(kind, "id")
	}
	return source.Present(r)
}

// readPermissions reads "permission", and only where that says nothing
// "permissions": a template may fill one and keep the other.
func readPermissions(unit source.Object) []*event.Permission {
	for _, key := range []string{"permission", "permissions"} {
		var out []*event.Permission
		for in := range parts(unit, key) {
			if p := source.Present(event.Permission{ID: text(in, "id"), Name: text(in, "name")}); p != nil {
				out = append(out, p)
			}
		}
		if len(out) > 0 {
			return out
		}
	}
	return nil
}
