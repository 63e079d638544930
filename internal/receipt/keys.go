package receipt

import "strconv"

// Keys of an event carry its id as hash tag, keys of a tenant the tenant's: in a
// Cluster each group is in one slot, and no script reaches over two.
//
// A record says the version of its layout. The sorted sets have no room for one
// and need none: what their members and scores mean is part of the key's name, so
// that another layout gets another name.

// recordKey names the hash that is all that is kept of an event:
//
//	v      version of the layout
//	meta   what the event is, see type meta
//	event  the canonical event, while some delivery may still need it
//	n      number of deliveries
//	d:<i>  the ith delivery, "<round>|<state>|<json>", see [encodeDelivery];
//	       "<round>|deleted|" of one that was deleted
func recordKey(eventID string) string { return "ar:{" + eventID + "}" }

// Fields of the hash. The scripts have them too.
const (
	fieldVersion = "v"
	fieldMeta    = "meta"
	fieldEvent   = "event"
	fieldCount   = "n"
)

func fieldDelivery(i int) string { return "d:" + strconv.Itoa(i) }

// eventsKey names the tenant's sorted set of event ids by time of receipt.
func eventsKey(tenantID string) string { return "ar:{" + tenantID + "}:events" }

// openKey names the tenant's index of events with open deliveries: a sorted set
// of event ids by when to look at them, in Unix microseconds. See overdue.go.
func openKey(tenantID string) string { return "ar:{" + tenantID + "}:open" }

// tenantsKey names the sorted set of the tenants that may have an [openKey], by
// when a worker last said so, in Unix microseconds.
const tenantsKey = "ar:tenants"

// deadTypesKey names the set of channel types for which there is a [deadKey].
func deadTypesKey(tenantID string) string { return "ar:{" + tenantID + "}:dead" }

// deadKey names the sorted set of ids of dead deliveries by time of death.
func deadKey(tenantID, channelType string) string {
	return "ar:{" + tenantID + "}:dead:" + channelType
}
