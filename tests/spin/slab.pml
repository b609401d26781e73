/* slab.pml -- the protocol by which blocks return to slabs and slabs to the shared pool.
 *
 * A slab's free list is one atomic word (head, count). Any thread adds a chain to it with one
 * compare-and-swap and no lock; only a holder of the class lock takes from it, and then takes all.
 * The class lock guards the class's list of slabs with free blocks and the two transitions that a push
 * can cause: none -> some (list the slab) and all free (retire it to the shared pool, where its units
 * may become a slab of another class).
 *
 * THE RULE: up to its compare-and-swap a pusher holds blocks that the word does not count, so the slab
 * cannot be retired. Afterwards it pins nothing. Under the class lock it therefore reads head unit,
 * class and word again and acts on those alone.
 *
 * How to read it: everything outside atomic and d_step is a step that other threads may come between. A
 * step has at most one access to what others touch without the class lock (word, class, head, carved,
 * pool); what it does besides is private, guarded by the lock, or bookkeeping of the proof. Taking a lock
 * is merged with the step after it and releasing with the step before it, which loses no interleaving.
 * Threads run for ever and choose freely among all that any policy might choose.
 *
 * Shape of the search: THREADS that do everything, PUSHERS that only give back, PLACES (blocks that fit in
 * a unit), WIDE (a slab of class 2 spans both units). Every other switch is a mistake that the checker must
 * find, or (HEAD_UNREAD, CURRENT_SKIPPED_LATE) a liberty that it must allow; see README.md. */

#ifndef THREADS
#define THREADS 2
#endif
#ifndef PUSHERS
#define PUSHERS 0
#endif
#ifndef PLACES
#define PLACES 2
#endif

#define UNITS 2
#define BLOCKS (UNITS * PLACES)
#define NIL 15

#define NO_CLASS 0 /* what a pooled unit and an interior unit carry */
#define CLASSES 2  /* classes are 1 and 2 */

/* The k-th block of the slab of class c at head unit s. A wide slab's blocks lie in both its units. */
#ifdef WIDE
#define CAPACITY(c) (PLACES + (c) - 1)
#define BLOCK(c, s, k) ((c) == 2 -> ((k) % 2) * PLACES + (k) / 2 : (s) * PLACES + (k))
#define SPANS_BOTH(c) ((c) == 2)
#else
#define CAPACITY(c) PLACES
#define BLOCK(c, s, k) ((s) * PLACES + (k))
#define SPANS_BOTH(c) false
#endif
#define IS_INTERIOR(u) ((u) == 1 && SPANS_BOTH(class[0]))
#define UNIT_OF(b) ((b) / PLACES)

/* What the core keeps. */
byte word_head[UNITS] = NIL; /* word_head and word_count are the one atomic word */
byte word_count[UNITS];
byte class[UNITS];       /* written under the lock of the class that is set or cleared; read by anyone */
byte head[UNITS];        /* head unit of the slab that a unit belongs to; as class */
byte carved[UNITS];      /* blocks cut so far; written under the class lock, read by pushers without it */
bool listed[UNITS];      /* the descriptor's flag; under the class lock */
byte on_list[CLASSES * UNITS]; /* how often the class's list holds the unit; under the class lock */
byte current[CLASSES + 1] = NIL; /* the slab that the class carves; under the class lock */
bool locked[CLASSES + 1];
bool pooled[UNITS] = true;
byte next[BLOCKS] = NIL; /* the link inside a free block */

#define ON_LIST(c, u) on_list[((c) - 1) * UNITS + (u)]

/* Where each block is: bookkeeping of the proof, unknown to the core.
 * OUT is in use, in a thread cache or in the transfer cache: to a slab these are the same.
 * HELD is in the hands of a thread inside the centre: a batch that it takes or a chain that it gives back. */
#define RAW 0
#define OUT 1
#define HELD 2
#define FREE 3
byte where[BLOCKS];
byte busy; /* threads inside an operation */
byte b, i, j, k, u; /* scratch inside one step; 0 between steps */

/* What must hold, by name, so that a failed assertion says what was broken. Always false. */
bool block_given_out_twice, free_exceeds_carved, list_is_corrupt, block_lost, slab_listed_twice,
    listed_slab_is_not_of_the_class, listed_slab_has_no_free_block, current_slab_listed,
    retired_with_blocks_outside, retired_twice, unit_reused_while_in_use, unit_lost, slab_lost,
    free_slab_not_retired, current_slab_is_not_of_the_class;
#define MUST(broken, condition) assert(broken || (condition))

/* The free list has exactly `count` blocks, all free; every carved block is in one place; no other is. */
inline check_slab(sl, cl)
{
    b = word_head[sl];
    j = 0;
    do
    :: j < word_count[sl] ->
        MUST(list_is_corrupt, b < BLOCKS && where[b] == FREE && head[UNIT_OF(b)] == sl);
        b = next[b];
        j++
    :: else -> break
    od;
    MUST(list_is_corrupt, b == NIL);
    i = 0;
    j = 0;
    k = 0;
    do
    :: i < CAPACITY(cl) ->
        b = BLOCK(cl, sl, i);
        j = j + (where[b] != RAW);
        k = k + (where[b] == FREE);
        i++
    :: else -> break
    od;
    MUST(block_lost, j == carved[sl] && k == word_count[sl]);
    b = 0; i = 0; j = 0; k = 0
}

/* No thread is inside the centre: every slab is where it belongs. */
inline check_rest()
{
    u = 0;
    do
    :: u < UNITS ->
        if
        :: pooled[u] -> MUST(retired_twice, class[u] == NO_CLASS && !IS_INTERIOR(u))
        :: else -> MUST(unit_lost, class[u] != NO_CLASS || IS_INTERIOR(u))
        fi;
        if
        :: class[u] != NO_CLASS ->
            check_slab(u, class[u]);
            if
            :: current[class[u]] != u ->
                MUST(slab_lost, word_count[u] == 0 || ON_LIST(class[u], u) == 1);
                MUST(free_slab_not_retired, word_count[u] != carved[u])
            :: else
            fi
        :: else
        fi;
        u++
    :: else -> break
    od;
    u = 0
}

/* The class's list, as the next holder of its lock will find it. */
inline check_list(cl)
{
    u = 0;
    do
    :: u < UNITS ->
        if
        :: ON_LIST(cl, u) > 0 ->
            MUST(listed_slab_is_not_of_the_class, class[u] == cl && !pooled[u]);
            MUST(listed_slab_has_no_free_block, word_count[u] > 0 && listed[u]);
            MUST(current_slab_listed, current[cl] != u)
        :: else
        fi;
        u++
    :: else -> break
    od;
    MUST(current_slab_is_not_of_the_class, current[cl] == NIL || class[current[cl]] == cl);
    u = 0
}

#define LOCK(cl) !locked[cl] -> locked[cl] = true

inline unlock(cl)
{
    check_list(cl);
    locked[cl] = false
}

inline list_slab(cl, sl)
{
    ON_LIST(cl, sl) = ON_LIST(cl, sl) + 1;
    listed[sl] = true;
    MUST(slab_listed_twice, ON_LIST(cl, sl) == 1)
}

inline unlist_slab(cl, sl)
{
    MUST(listed_slab_is_not_of_the_class, ON_LIST(cl, sl) == 1);
    ON_LIST(cl, sl) = ON_LIST(cl, sl) - 1;
    listed[sl] = false
}

/* The chain is the thread's: first, last, n blocks, linked, all HELD. */
inline chain_add(x)
{
    next[x] = first;
    first = x;
    if
    :: n == 0 -> last = x
    :: else
    fi;
    n++;
    where[x] = HELD
}

/* Exchange of the slab's word for the empty word: its whole list becomes the thread's chain. */
inline take_all(sl)
{
    first = word_head[sl];
    n = word_count[sl];
    word_head[sl] = NIL;
    word_count[sl] = 0;
    b = first;
    j = 0;
    do
    :: j < n ->
        MUST(block_given_out_twice, b < BLOCKS && where[b] == FREE);
        where[b] = HELD;
        last = b;
        b = next[b];
        j++
    :: else -> break
    od;
    b = 0; j = 0
}

/* The chain becomes free blocks of nobody's slab: it is about to return to the pool. */
inline forget_chain()
{
    do
    :: n > 0 ->
        b = first;
        first = next[b];
        next[b] = NIL;
        where[b] = RAW;
        n--
    :: else -> break
    od;
    first = NIL; last = NIL; b = 0
}

/* The batch leaves the centre: it is the program's, a cache's or the transfer cache's. */
inline hand_out()
{
    do
    :: batch != NIL ->
        b = batch;
        MUST(block_given_out_twice, where[b] == HELD);
        batch = next[b];
        next[b] = NIL;
        where[b] = OUT
    :: else -> break
    od;
    b = 0
}

/* Adds the chain (first, last, n) to slab s, whose word was read; tells whether the class must look at the
 * slab now. Carved is read after the word and before the swap: earlier it may be too small for the blocks
 * that the word counts, later it may be another slab's. A swap that fails reads the word again. */
inline push_chain()
{
#ifdef CARVED_EARLY
    cut = carved[s];
#endif
    do
    ::
#if !defined(CARVED_EARLY) && !defined(CARVED_LATE)
       atomic { cut = carved[s]; MUST(free_exceeds_carved, seen + n <= cut) };
#endif
       atomic {
           if
           :: word_head[s] == seen_head && word_count[s] == seen ->
               d_step {
                   word_head[s] = first;
                   word_count[s] = seen + n;
                   b = first;
                   do
                   :: j < n ->
                       MUST(list_is_corrupt, where[b] == HELD);
                       where[b] = FREE;
                       b = next[b];
                       j++
                   :: else -> break
                   od;
                   check_slab(s, class[s]);
#ifndef CARVED_LATE
                   judge_push()
#endif
               };
               break
           :: else -> d_step { read_word() }
           fi
       }
    od
#ifdef CARVED_LATE
    ;
    atomic { cut = carved[s]; judge_push() }
#endif
}

inline read_word()
{
    seen_head = word_head[s];
    seen = word_count[s];
    next[last] = seen_head
}

inline judge_push()
{
    MUST(free_exceeds_carved, seen + n <= cut);
    look = (seen == 0 || seen + n == cut);
#if defined(NO_RULE) || defined(LISTED_FROM_MEMORY) || defined(RETIRE_ON_HINT)
    all_free = (seen + n == cut);
#endif
    last = UNIT_OF(last) * PLACES; /* which block it was matters no more, its unit does */
    first = NIL; n = 0; seen_head = 0; seen = 0; cut = 0
}

/* Takes the wholly free slab s of class c, whose lock is held, out of its class. Its units then go to the
 * pool, before or after the lock is released: the caller does that. */
inline retire()
{
    d_step {
#ifndef RETIRED_STAYS_LISTED
        if
        :: listed[s] -> unlist_slab(c, s)
        :: else
        fi;
#endif
#ifdef WORD_LEFT
        do
        :: i < carved[s] -> where[BLOCK(c, s, i)] = RAW; i++
        :: else -> break
        od;
        i = 0;
#else
        take_all(s);
        MUST(retired_with_blocks_outside, n == carved[s]);
        forget_chain();
#endif
    };
#ifdef POOL_BEFORE_CLASS
    give_to_pool();
#endif
#ifdef CLASS_KEPT
    carved[s] = 0
#else
    atomic { class[s] = NO_CLASS; carved[s] = 0 }
#endif
}

inline give_to_pool()
{
    d_step {
        MUST(retired_twice, !pooled[s]);
        pooled[s] = true;
        if
        :: SPANS_BOTH(c) -> MUST(retired_twice, !pooled[1]); pooled[1] = true
        :: else
        fi
    }
}

/* Looks at slab s under the lock of class c: lists it if its state asks for that, tells if it is all free. */
inline settle()
{
#ifdef CLASS_UNREAD
    if
    :: false
#else
    if
    :: class[s] != c -> all_free = false
#endif
#ifndef CURRENT_NOT_EXEMPT
    :: current[c] == s -> all_free = false
#endif
    :: else ->
#ifdef RETIRE_ON_HINT
        all_free = all_free || word_count[s] == carved[s];
#else
        all_free = (word_count[s] == carved[s]);
#endif
        if
#ifdef LISTED_UNCHECKED
        :: !all_free && word_count[s] > 0 -> list_slab(c, s)
#else
        :: !all_free && word_count[s] > 0 && !listed[s] -> list_slab(c, s)
#endif
        :: else
        fi
    fi
}

/* A refill's first source: the free blocks of slab s. It takes all, keeps a batch, pushes the rest back.
 * If it keeps all, others may have pushed since; they saw an empty word and wait for the lock, so unlisting
 * is right whether or not the word is looked at again. */
inline take_batch()
{
    atomic {
        d_step { take_all(s) };
        do
        :: n > 0 ->
            d_step {
                b = first;
                first = next[b];
                next[b] = batch;
                batch = b;
                b = 0;
                n--
            }
        :: batch != NIL -> break
        od;
#ifdef REST_UNLISTED
        if
        :: current[c] != s -> unlist_slab(c, s)
        :: else
        fi
#endif
    };
    if
    :: n > 0 -> d_step { read_word() }; push_chain()
#ifdef REST_UNLISTED
    :: n == 0
#else
    :: n == 0 && current[c] != s -> d_step { unlist_slab(c, s) }
    :: n == 0 && (current[c] == s || word_count[s] > 0)
#endif
    fi
}

/* The second source: blocks of the current slab that were never used. */
inline carve_batch()
{
    atomic {
        do
        :: carved[s] < CAPACITY(c) ->
            d_step {
                b = BLOCK(c, s, carved[s]);
                MUST(block_given_out_twice, where[b] == RAW);
                where[b] = HELD;
                next[b] = batch;
                batch = b;
                carved[s] = carved[s] + 1;
                b = 0
            }
        :: batch != NIL -> break
        od
    }
}

/* The third source: units of the pool become the current slab of class c, s its head. */
#define MAY_MAKE(cl, sl) (current[cl] == NIL && pooled[sl] && (!SPANS_BOTH(cl) || (sl == 0 && pooled[1])))

inline take_from_pool()
{
    pooled[s] = false;
    if
    :: SPANS_BOTH(c) -> pooled[1] = false
    :: else
    fi;
    do
    :: i < CAPACITY(c) ->
        b = BLOCK(c, s, i);
        MUST(unit_reused_while_in_use, where[b] == RAW && ON_LIST(1, UNIT_OF(b)) + ON_LIST(2, UNIT_OF(b)) == 0);
        i++
    :: else -> break
    od;
    i = 0; b = 0
}

inline make_slab()
{
    d_step {
        head[s] = s;
        if
        :: SPANS_BOTH(c) -> head[1] = s
        :: else
        fi;
        class[s] = c;
        current[c] = s
    }
}

/* The operation is over: what the thread knew dies, its batch leaves the centre. */
inline finish()
{
    hand_out();
    c = 0; s = 0; n = 0; last = NIL; look = false; all_free = false;
    busy--;
    if
    :: busy == 0 -> check_rest()
    :: else
    fi
}

/* Some of the blocks that are out, all of one slab, become the thread's chain. Its page map entry may be
 * read without a lock: a block that is out pins its slab. */
inline collect_chain()
{
    if
    :: where[0] == OUT -> b = 0
    :: where[1] == OUT -> b = 1
    :: where[2] == OUT -> b = 2
    :: where[3] == OUT -> b = 3
#if BLOCKS > 4
    :: where[4] == OUT -> b = 4
    :: where[5] == OUT -> b = 5
#endif
    fi;
    busy++;
    s = head[UNIT_OF(b)];
    c = class[s];
    chain_add(b);
    do
    :: b < BLOCKS - 1 ->
        b++;
        if
        :: where[b] == OUT && head[UNIT_OF(b)] == s -> chain_add(b)
        :: true
        fi
    :: else -> break
    od;
    b = 0
}

/* A thread gives back a chain. */
inline give_back()
{
    atomic {
        collect_chain();
#ifdef CURRENT_SKIPPED_EARLY
        exempt = (current[c] == s);
    };
    atomic {
#endif
        read_word()
    };
    push_chain();
    if
#if defined(CURRENT_SKIPPED_EARLY)
    :: look && !exempt ->
#elif defined(CURRENT_SKIPPED_LATE)
    :: look && current[c] != s ->
#else
    :: look ->
#endif
#ifndef HEAD_UNREAD
        atomic { LOCK(c); s = head[UNIT_OF(last)] };
#else
        atomic { LOCK(c) };
#endif
        atomic {
#ifdef NO_RULE
            if
            :: current[c] == s -> all_free = false
            :: current[c] != s && !all_free && !listed[s] -> list_slab(c, s)
            :: else
            fi;
#elif defined(LISTED_FROM_MEMORY)
            if
            :: !all_free && current[c] != s && !listed[s] -> list_slab(c, s)
            :: else -> settle()
            fi;
#else
            settle();
#endif
            if
            :: !all_free -> unlock(c); finish()
            :: else
            fi
        };
        if
        :: all_free ->
            retire();
            if
            :: give_to_pool(); d_step { unlock(c); finish() }
            :: d_step { unlock(c) }; give_to_pool(); d_step { finish() }
            fi
        :: else
        fi
    :: else -> d_step { finish() }
    fi
}

/* A thread takes a batch. It may give up at any time: that makes it the trim too. */
inline refill()
{
    atomic { if :: c = 1 :: c = 2 fi; busy++; LOCK(c) };
    do
    :: d_step { ON_LIST(c, 0) > 0 || (current[c] == 0 && word_count[0] > 0) -> s = 0 };
       take_batch();
       break
    :: d_step { ON_LIST(c, 1) > 0 || (current[c] == 1 && word_count[1] > 0) -> s = 1 };
       take_batch();
       break
    :: d_step { current[c] != NIL && carved[current[c]] < CAPACITY(c) -> s = current[c] };
       carve_batch();
       break
    :: d_step { current[c] != NIL -> s = current[c]; current[c] = NIL };
#ifndef NO_SECOND_LOOK
       atomic { settle() };
       if
       :: all_free -> retire(); give_to_pool(); all_free = false
       :: else
       fi
#endif
    :: d_step { MAY_MAKE(c, 0) -> s = 0; take_from_pool() };
       make_slab();
       carve_batch();
       break
    :: d_step { MAY_MAKE(c, 1) -> s = 1; take_from_pool() };
       make_slab();
       carve_batch();
       break
    :: break
    od;
    atomic { unlock(c); finish() }
}

/* A thread asks whether a block is live (hak_owns); the block may be dead, so it pins nothing. To see the
 * list it takes all and pushes all back. What the swap tells may be ignored: if others pushed meanwhile, the
 * first of them saw an empty word and waits for the lock. */
inline ask()
{
    atomic {
        if
        :: class[0] != NO_CLASS -> s = 0
        :: class[1] != NO_CLASS -> s = 1
        fi;
        c = class[s];
        busy++
    };
    atomic { LOCK(c) };
    if
#ifdef ASK_UNREAD
    :: true ->
#else
    :: class[s] != c
    :: class[s] == c ->
#endif
        d_step { take_all(s) };
        if
        :: n > 0 -> d_step { read_word() }; push_chain()
        :: else
        fi
    fi;
    atomic { unlock(c); finish() }
}

#define MEMORY                                                            \
    byte c, s;                       /* class, slab */                    \
    byte n, first = NIL, last = NIL; /* chain going into or out of a word */ \
    byte batch = NIL;                /* blocks on their way out */        \
    byte seen, seen_head, cut;       /* what was read of word and carved */ \
    bool look, all_free              /* what is to be done about the slab */
#ifdef CURRENT_SKIPPED_EARLY
#define KNOWS bool exempt
#else
#define KNOWS skip
#endif

active [THREADS] proctype thread()
{
    MEMORY;
    KNOWS;
    do
    :: give_back()
    :: refill()
    :: ask()
    od
}

#if PUSHERS
active [PUSHERS] proctype pusher()
{
    MEMORY;
    KNOWS;
    do
    :: give_back()
    od
}
#endif
