package keyward

import (
	"math"
	"sort"
	"time"
)

const day = 86_400

// Health says how a license stands at an instant. It decides nothing.
type Health struct {
	// State is "fine", "ending", "in_grace", "ended", "not_yet", "revoked", "suspended" or "unknown".
	State string
	// StateByTimes is the state without regard to status lists.
	StateByTimes string
	// Unknown says why the state is "unknown": "no_status_list", "status_list_expired" and so on.
	Unknown string
	// BeginsAt, EndsAt (by the contract), ExpiresAt (its grace included), and ChangesAt, the first second at which the state is another if
	// nothing but time passes. Zero for what there is not.
	BeginsAt, EndsAt, ExpiresAt, ChangesAt time.Time
	// ListAgeSeconds is the age of the status list that counts; -1 if there is none.
	ListAgeSeconds int64
}

// IsValid says whether the license is valid.
func (h Health) IsValid() bool {
	return h.State == "fine" || h.State == "ending" || h.State == "in_grace"
}

// HealthCheck says by what the health of a license is judged.
type HealthCheck struct {
	// WarningDays is how many days before its end by the contract a license is "ending"; nil for 30.
	WarningDays *int64
	// LeewaySeconds is the verifier's unless it is longer.
	LeewaySeconds int64
	// Lists were verified before. An empty list is "there is none", nil "none is looked at".
	Lists []*StatusList
	// MaxListAgeSeconds is how old a list may be that says that a license is not revoked; nil for any age.
	MaxListAgeSeconds *int64
}

// Health says how the license stands at an instant.
func (t *terms) Health(now time.Time, check HealthCheck) Health {
	at := now.Unix()
	j := judge{terms: t, check: check}
	warning := int64(30)
	if check.WarningDays != nil {
		warning = *check.WarningDays
	}
	if t.ends != nil {
		warns := *t.ends - warning*day
		j.warns = &warns
	}
	if t.begins != nil {
		leeway := t.leeway
		if check.LeewaySeconds > leeway {
			leeway = check.LeewaySeconds
		}
		starts := *t.begins - leeway
		j.starts = &starts
	}
	instants := []*int64{j.starts, j.warns, t.ends, t.expires}
	for _, list := range check.Lists {
		old := j.tooOld(list)
		instants = append(instants, list.expires, &old)
	}
	sort.Slice(instants, func(a, b int) bool { return instants[b] != nil && (instants[a] == nil || *instants[a] < *instants[b]) })
	state, unknown := j.stateAt(at)
	health := Health{State: state, StateByTimes: j.byTimes(at), Unknown: unknown, ListAgeSeconds: -1,
		BeginsAt: timeOf(t.begins), EndsAt: timeOf(t.ends), ExpiresAt: timeOf(t.expires)}
	for _, instant := range instants {
		if instant == nil || *instant <= at || *instant == math.MaxInt64 {
			continue
		}
		if other, why := j.stateAt(*instant); other != state || why != unknown {
			health.ChangesAt = timeOf(instant)
			break
		}
	}
	if _, issued := j.listedAt(at); issued != nil {
		health.ListAgeSeconds = 0
		if age := at - *issued; age > 0 {
			health.ListAgeSeconds = age
		}
	}
	return health
}

type judge struct {
	*terms
	check         HealthCheck
	starts, warns *int64
}

func reached(since *int64, at int64) bool { return since != nil && at >= *since }

func (j *judge) byTimes(at int64) string {
	switch {
	case reached(j.expires, at):
		return "ended"
	case j.starts != nil && at < *j.starts:
		return "not_yet"
	case reached(j.ends, at):
		return "in_grace"
	case reached(j.warns, at):
		return "ending"
	}
	return "fine"
}

// The first second at which a list is older than what is asked for.
func (j *judge) tooOld(list *StatusList) int64 {
	age := j.check.MaxListAgeSeconds
	if age == nil || *age >= math.MaxInt64-list.issued {
		return math.MaxInt64
	}
	return list.issued + *age + 1
}

// What a list says of the license, and how much that weighs.
func (j *judge) entry(list *StatusList, at int64) (int, string) {
	if reached(list.expires, at) {
		return 0, "status_list_expired"
	}
	value, err := list.Status(j.status.Index)
	switch {
	case err != nil:
		return 2, "status_out_of_range"
	case value == 0 && at >= j.tooOld(list):
		return 0, "status_list_too_old"
	case value == 0:
		return 1, "valid"
	case value == 2:
		return 3, "suspended"
	}
	return 4, "revoked"
}

func (j *judge) listedAt(at int64) (said string, issued *int64) {
	switch {
	case j.check.Lists == nil:
		return "valid", nil
	case j.status == nil:
		return "no_status", nil
	case len(j.check.Lists) == 0:
		return "no_status_list", nil
	}
	said, most := "other_status_list", 0
	for _, list := range j.check.Lists {
		if list.uri != j.status.URI {
			continue
		}
		weight, entry := j.entry(list, at)
		if issued == nil || weight > most || weight == most && list.issued >= *issued {
			said, issued, most = entry, &list.issued, weight
		}
	}
	return said, issued
}

func (j *judge) stateAt(at int64) (state, unknown string) {
	said, _ := j.listedAt(at)
	times := j.byTimes(at)
	switch {
	case said == "revoked":
		return said, ""
	case said == "valid" || times == "ended":
		return times, ""
	case said == "suspended":
		return said, ""
	case times == "not_yet":
		return times, ""
	}
	return "unknown", said
}
