#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# usage: selftests/model/mutants.sh [NAME...]
#
# The model must be able to fail: each mutant breaks one rule of a private copy
# of the engine, and the model has to catch it in the configuration given here.
# Prints TAP.  CC and O (the build folder) come from the environment.
set -u
cd "$(dirname -- "$0")/../.." || exit 1
O=${O:-build}
CC=${CC:-gcc}
out=$O/selftests/model/mutants
n=0 bad=0

# name configuration model file sed-program
mutants() {
	cat <<'LIST'
commit-without-barrier|x2-1w1r|tso|writer.h|/(B), matches rb_arm()/d; s/\txchg(&d->state/\tsmp_store_release(\&d->state/
shared-commit-without-barrier|s1-1w1r|tso|writer.h|/(B), matches rb_arm()/d; s/return cmpxchg(&v->desc\[i\].state, old, \(.*\)) == old;/smp_store_release(\&v->desc[i].state, \1); return true;/
release-without-barrier|x1-1w1r|tso|reader.h|/(D), matches rb_arm()/d; s/\txchg(&r->cursor->cursor/\tsmp_store_release(\&r->cursor->cursor/
arm-without-barriers|x1-1w1r|tso|wait.h|/^static inline void rb_arm/,/^}/{/smp_mb()/d; s/rb_wake_word_lower(\(.*\), waiter >> 2)/WRITE_ONCE(*\1, waiter >> 2)/}
arm-without-first-barrier|x2-1w1r|tso|wait.h|/(C), matches rb_wake_word_clear()/{N;d}
clear-without-barrier|x1-1w2r-wake|tso|wait.h|s/\txchg(word, \(.*\));/\tWRITE_ONCE(*word, \1);/; /^static inline void rb_wake_word_clear/,/^}/{/smp_mb/d}
wake-without-second-pass|x1-1w2r-wake|sc|wait.h|/^static inline bool rb_wake_end/,/^}/s/return true;/return false;/
wake-forgets-who-stays|x1-1w2r-wake|sc|wait.h|/^static inline bool rb_wake_end/,/^}/{/rb_wake_word_lower/d}
cursor-wake-word-hides|x1-1w1r|sc|reader.h|s/return wake > old .*/(void)row; return wake > old;/
position-wake-word-hides|s2-held|sc|writer.h|s/return unlikely(READ_ONCE(v->info->wake_position) < pos + count);/u64 t = READ_ONCE(v->info->wake_position); return t < pos + count \&\& (t >= pos || rb_finished(v, t));/
gate-without-barrier|x1-oldest|tso|gate.h|/smp_mb(); \/\* (H)/d
attach-without-barrier|x2-oldest|tso|host.h|/smp_mb(); \/\* (H)/d
gate-without-second-look|x1-oldest|sc|gate.h|s/if (READ_ONCE(v->info->generation) == generation)/if (generation != ~0ULL)/
attach-without-second-look|x1-oldest|sc|host.h|s/if (rb_oldest(v) > start)/if (rb_oldest(v) == ~0ULL)/
attach-without-generation|x1-oldest|sc|host.h|/^static inline u64 rb_gate_by/,/^}/{/&v->info->generation/d}
allowance-not-published|x1-oldest|sc|gate.h|s/WRITE_ONCE(\*word, allowance);/;/
limit-off-by-one|x2-1w2r|sc|writer.h|s/end <= w->limit/end <= w->limit + 1/
gate-end-off-by-one|x2-1w2r|sc|gate.h|s/: cursor + slots;/: cursor + slots + 1;/
gate-looks-at-one-row|x2-1w2r|sc|gate.h|s/i < rows; i++/i < rows \&\& i < 1; i++/
detached-reader-gates|x2-detach|sc|host.h|/^static inline void rb_detach_reader/,/^}/s/flags, 0)/flags, RINGBUF_ROW_GATING)/
floor-not-checked|x2-sync|sc|reader.h|/^static inline bool rb_reader_holds/,/^}/s/return .*/return r;/
moved-but-not-counted|x2-sync|sc|reader.h|/r->lost += /d
floor-not-in-gate|x2-sync|sc|host.h|s/smp_store_release(&r->floor, pos);/smp_store_release(\&rb_cursor(v, row)->cursor, pos + 1);/
evict-without-floor|x2-evict|sc|host.h|/^static inline void rb_evict_reader/,/^}/{/r->floor,/d}
evict-floor-late|x2-evict|sc|host.h|/^static inline void rb_evict_reader/,/^}/{/r->floor,/d; s/smp_store_release(&r->flags, RINGBUF_ROW_EVICTED);/{ smp_store_release(\&r->flags, RINGBUF_ROW_EVICTED); smp_store_release(\&r->floor, RINGBUF_FLOOR_EVICTED); }/}
skip-without-floor|x1-skipped|sc|hold.h|/WRITE_ONCE(r->floor, RINGBUF_FLOOR_SKIPPED);/d
skip-floor-late|x1-skipped|sc|hold.h|/WRITE_ONCE(r->floor, RINGBUF_FLOOR_SKIPPED);/d; s/smp_store_release(&r->flags, RINGBUF_ROW_ATTACHED);/{ smp_store_release(\&r->flags, RINGBUF_ROW_ATTACHED); smp_store_release(\&r->floor, RINGBUF_FLOOR_SKIPPED); }/
skip-leaves-it-in-the-gate|x1-skip-stopped|sc|hold.h|s/smp_store_release(&r->flags, RINGBUF_ROW_ATTACHED);/;/
continue-without-the-gate|x1-skipped|sc|hold.h|s/hold->resumed = rb_gate_by(v, row, start);/hold->resumed = start;/
continue-too-late|x2-skipped-batch|sc|hold.h|s/u64 head = rb_head(v), start = rb_oldest(v);/u64 head = rb_head(v), start = head;/
lossy-not-checked|x1-lossy|sc|reader.h|s/return likely(!r->lossy) .*/return true;/
claim-not-checked|s2-lossy|sc|reader.h|s/: rb_claim_ahead(READ_ONCE(v->claim\[i\]), r->pos + n))/: (long)READ_ONCE(v->claim[i]) < 0)/
states-not-cleared|x1-lossy|sc|writer.h|/^static inline void rb_clear_states/,/^}/s/WRITE_ONCE(d->state, 0);/;/
overtaken-and-not-counted|x2-lossy|sc|reader.h|/r->lost += pos - r->pos;/d
cleared-is-not-finished|x1-lossy-held|sc|words.h|s/return rb_exclusive(v) \&\& READ_ONCE(v->head->head) > pos;/return false;/
claim-by-store|s2-2w1r|sc|writer.h|s/if (cmpxchg(&v->claim\[i\], claim, \(.*\)) != claim)/WRITE_ONCE(v->claim[i], \1); if (0)/
lap-not-finished|s1-2w|sc|writer.h|s/if (!rb_slots_free(v, w, pos, i, count))/if (0)/
gap-not-noticed|s2-2w|sc|writer.h|s/w->since = pos; .*/(void)pos;/
after-a-gap|s1-2w|sc|writer.h|s/pos == w->pos && pos - w->since >= v->slots/pos - w->since >= v->slots/
hint-leads|s2-2w1r|sc|writer.h|s/rb_head_hint(v, pos + count)/rb_head_hint(v, pos + count + 1)/
batch-not-stamped|s2-killed-batch|sc|writer.h|s/WRITE_ONCE(v->claim\[i\], rb_claim(w->pos + k.*/;/
repair-first-slot-only|s2-killed-batch|sc|host.h|s/k < rb_claim_count(claim); k++/k < 1; k++/
repair-nothing|s2-killed|sc|host.h|s/return rb_finish_slot(v, i, pos, RINGBUF_REPAIRED);/return v->slots == i + pos;/
exclusive-hint-leads|x2-killed|sc|writer.h|/^static inline void rb_publish_exclusive/,/^}/s/k = 0;/k = 0; WRITE_ONCE(v->head->head, w->pos + count);/
end-before-first-writer|x1-first|sc|reader.h|s/return smp_load_acquire(&v->info->writers_ever) && !smp_load_acquire(&v->info->writers);/return !smp_load_acquire(\&v->info->writers) \&\& smp_load_acquire(\&v->info->writers_ever);/
ever-before-writers|x1-first|sc|host.h|/^static inline void rb_count_writer/,/^}/{/WRITE_ONCE(v->info->writers, /d; s/smp_store_release(&v->info->writers_ever, \(.*\));/{ smp_store_release(\&v->info->writers_ever, \1); smp_store_release(\&v->info->writers, v->info->writers + 1); }/}
holes-not-skipped|s2-1w1r|sc|reader.h|/^static inline bool rb_is_hole/,/^}/s/return .*/return pos \& 0 \& state;/
committed-slots-skipped|x2-1w1r|sc|reader.h|/^static inline bool rb_is_hole/,/^}/s/ && rb_state_phase.*;/;/; s/if (likely(n))/if (likely(n) \&\& r->pos != 1)/; s/if (state == rb_state(r->pos, RINGBUF_COMMITTED))/if (0)/
batch-without-release|x2-batch|pso|writer.h|/^static inline void rb_publish_exclusive/,/^}/{s/smp_store_release(&d->state,/WRITE_ONCE(d->state,/}
single-without-release|x2-1w1r|pso|writer.h|s/\txchg(&d->state, \(.*\));.*/\tWRITE_ONCE(d->state, \1);/
rows-without-release|x1-oldest|pso|host.h|/^static inline u64 rb_gate_by/,/^}/{s/smp_store_release(&r->flags, \(.*\));/WRITE_ONCE(r->flags, \1);/; s/smp_store_release(&v->info->generation, \(.*\));/WRITE_ONCE(v->info->generation, \1);/; s/smp_mb();.*/;/}
gate-opens-too-early|x1-wait-for-2|sc|host.h|s/v->info->readers_wanted \&\& !rb_readers_lacking(v)/v->info->readers_wanted/
gate-opens-before-the-row|x1-wait|sc|host.h|/^static inline u64 rb_attach_reader/,/^}/{s/\tWRITE_ONCE(c->lost, 0);/\tsmp_store_release(\&v->info->readers_wanted, 0);/}
host-no-wake-at-opening|x1-wait|sc|-|-DMODEL_NO_WAKE_AT_ATTACH
host-no-wake-at-attach|x1-late-wake|sc|-|-DMODEL_NO_WAKE_AT_ATTACH
host-no-wake-at-repair|s1-killed|sc|-|-DMODEL_NO_WAKE_AT_REPAIR
no-last-look|x1-1w1r|sc|-|-DMODEL_NO_LAST_LOOK
no-look-after-arming|x1-1w1r|sc|-|-DMODEL_NO_LOOK_AFTER_ARMING
LIST
}

# A copy of the engine with the change; fails when there was nothing to change.
mutate() { # folder file program
	rm -rf "$1"
	mkdir -p "$1"
	cp -r kmod/engine "$1/engine"
	[ "$2" = - ] && return
	sed -i "$3" "$1/engine/$2"
	! cmp -s "$1/engine/$2" "kmod/engine/$2"
}

compile() { # arguments...
	"$CC" -O0 -std=gnu11 -U_FORTIFY_SOURCE -w -Iselftests/model -Iinclude/uapi "$@"
}

# What does not have the engine in it, once for all.
common() {
	local source

	rm -rf "$out"
	mkdir -p "$out/common"
	for source in selftests/model/*.c; do
		[ "$source" = selftests/model/actors.c ] ||
			compile -c "$source" -o "$out/common/$(basename "$source" .c).o" || exit 1
	done
}

build() { # folder flag
	# shellcheck disable=SC2086 # $2 is flags, or nothing
	compile $2 -I"$1" -c selftests/model/actors.c -o "$1/actors.o" >"$1/log" 2>&1 &&
		compile "$1/actors.o" "$out"/common/*.o -o "$1/model" >>"$1/log" 2>&1
}

verdict() { # name config model file program
	local dir=$out/$1 flag=

	[ "$4" = - ] && flag=$5
	mutate "$dir" "$4" "$5" || { echo "the engine has no such line"; return 1; }
	build "$dir" "$flag" || { echo "it does not compile"; return 1; }
	"$dir/model" --only "$2" --model "$3" >"$dir/log" 2>&1 &&
		{ echo "not caught by $2 under $3"; return 1; }
	grep -q '^#   =>' "$dir/log" || { echo "no violation: $(tail -n 1 "$dir/log")"; return 1; }
	sed -n 's/^#   => //p' "$dir/log"
}

chosen() {
	[ $# -eq 1 ] && return 0
	local name=$1 want
	shift
	for want; do [ "$name" = "$want" ] && return 0; done
	return 1
}

list=$(mutants | while IFS='|' read -r name rest; do
	if [ $# -eq 0 ] || chosen "$name" "$@"; then echo "$name|$rest"; fi
done)
common
echo "TAP version 13"
echo "1..$(grep -c . <<<"$list")"
while IFS= read -r line; do
	IFS='|' read -r name config model file _ <<<"$line"
	program=${line#*|*|*|*|}
	n=$((n + 1))
	if why=$(verdict "$name" "$config" "$model" "$file" "$program"); then
		echo "ok $n - mutant $name is caught by $config under ${model^^}"
		rm -rf "${out:?}/$name"
	else
		echo "not ok $n - mutant $name: $why"
		bad=1
	fi
	echo "#   $why"
done <<<"$list"
exit $bad
