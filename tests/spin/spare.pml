/* spare.pml -- a thread's spare batch, which its owner and any thief exchange with one atomic word.
 *
 * Only the owner puts a batch into its slot; the owner and thieves take it out. Every change is an exchange, so
 * whoever receives a batch is its only holder. The batch's count stands in its first block, which is the
 * program's memory while the batch is in a bin: it is written before the exchange that publishes the batch.
 * A thread that ends empties its slot before it leaves the registry, and thieves visit under the registry lock.
 *
 * How to read it: as slab.pml. Every switch is a mistake that the checker must find, or (STORED_IF_EMPTY) a
 * liberty that it must allow; see README.md. */

#ifndef OWNERS
#define OWNERS 2
#endif
#ifndef THIEVES
#define THIEVES 1
#endif
#define BATCHES 3
#define NIL 15

/* What the core keeps. */
byte spare[OWNERS] = NIL;
bool registered[OWNERS];
bool registry_locked;
bool counted[BATCHES]; /* the first block holds the batch's count, not the program's data */

/* Who holds each batch: bookkeeping of the proof. */
#define CENTRE 0 /* or in the program's hands */
#define SLOT(t) (1 + (t))
#define THREAD(t) (1 + OWNERS + (t))
byte holder[BATCHES];
byte busy;
byte i;

bool batch_has_two_holders, batch_lost, count_is_not_there; /* always false: names for failed assertions */
#define MUST(broken, condition) assert(broken || (condition))

inline begin()
{
    busy++
}

#define IN_SLOT(t, x) (holder[x] == SLOT(t) && spare[t] == x && registered[t])
#define IN_BIN(x) (holder[x] >= THREAD(0) && holder[x] < THREAD(OWNERS) && registered[holder[x] - THREAD(0)])

inline finish()
{
    got = NIL;
    busy--;
    if
    :: busy == 0 ->
        do
        :: i < BATCHES -> MUST(batch_lost, holder[i] == CENTRE || IN_SLOT(0, i) || IN_SLOT(1, i) || IN_BIN(i)); i++
        :: else -> break
        od;
        i = 0
    :: else
    fi
}

/* `got` was in the slot of thread t; it is now in the hands of `me`. */
inline receive(t)
{
    if
    :: got != NIL ->
        MUST(batch_has_two_holders, holder[got] == SLOT(t));
        holder[got] = THREAD(me)
    :: else
    fi
}

inline take(t)
{
#ifdef TAKEN_BY_LOAD_AND_STORE
    got = spare[t];
    d_step { spare[t] = NIL; receive(t) };
#else
    d_step { got = spare[t]; spare[t] = NIL; receive(t) };
#endif
    MUST(count_is_not_there, got == NIL || counted[got])
}

inline give_to_centre()
{
    d_step {
        if
        :: got != NIL ->
            MUST(batch_has_two_holders, holder[got] == THREAD(me));
            holder[got] = CENTRE;
            got = NIL
        :: else
        fi
    }
}

/* A full bin's batch goes to the spare; a batch that was there goes to the central store. */
inline park()
{
#ifndef COUNTED_LATE
    counted[bin] = true;
#endif
#ifdef PARKED_BY_LOAD_AND_STORE
    got = spare[me];
    d_step { spare[me] = bin; holder[bin] = SLOT(me); receive(me) };
#else
#ifdef STORED_IF_EMPTY
    if
    :: spare[me] == NIL -> d_step { spare[me] = bin; holder[bin] = SLOT(me); got = NIL }
    :: else ->
#endif
    d_step { got = spare[me]; spare[me] = bin; holder[bin] = SLOT(me); receive(me) };
#ifdef STORED_IF_EMPTY
    fi;
#endif
#endif
#ifdef COUNTED_LATE
    counted[bin] = true;
#endif
    bin = NIL;
    MUST(count_is_not_there, got == NIL || counted[got]);
#ifndef OLD_DROPPED
    give_to_centre()
#endif
}

/* Any batch that is in neither slot nor bin: of the central store, or blocks in use that the program frees. */
inline take_from_centre()
{
    d_step {
        do
        :: i < BATCHES ->
            if
            :: got == NIL && holder[i] == CENTRE -> got = i; holder[i] = THREAD(me)
            :: else
            fi;
            i++
        :: else -> break
        od;
        i = 0
    }
}

/* An empty bin fills from the spare, else from elsewhere; or by frees, which ask neither. From now on its first
 * block is the program's to overwrite. */
inline fill_bin()
{
    if
    :: take(me)
    :: true
    fi;
    if
    :: got != NIL
    :: got == NIL -> take_from_centre()
    fi;
    d_step {
        bin = got;
        if
        :: bin != NIL -> counted[bin] = false
        :: else
        fi
    }
}

active [OWNERS] proctype owner()
{
    byte me = _pid, bin = NIL, got = NIL;
    do
    :: !registered[me] -> atomic { !registry_locked -> registered[me] = true }
    :: atomic { registered[me] && bin == NIL -> begin() };
       fill_bin();
       atomic { finish() }
    :: atomic { registered[me] && bin != NIL -> begin() };
       park();
       atomic { finish() }
    :: atomic { registered[me] -> begin() }; /* the thread ends; a new one may get its slot */
       atomic { got = bin; bin = NIL };
       give_to_centre();
#ifndef END_LEAVES_SPARE
       take(me);
       give_to_centre();
#endif
       atomic { !registry_locked -> registered[me] = false; finish() }
    od
}

active [THIEVES] proctype thief()
{
    byte me = _pid, got = NIL, victim;
    do
    :: atomic { !registry_locked -> registry_locked = true; begin() };
       atomic {
           if
           :: registered[0] -> victim = 0
           :: registered[1] -> victim = 1
           :: else -> victim = NIL
           fi
       };
       if
       :: victim == NIL
       :: victim != NIL && spare[victim] == NIL
       :: victim != NIL && spare[victim] != NIL ->
           take(victim);
           give_to_centre()
       fi;
       atomic { victim = 0; registry_locked = false; finish() }
    od
}
