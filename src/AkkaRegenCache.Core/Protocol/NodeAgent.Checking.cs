using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <content>What may have been missed: gaps, silence, a new life of the store; comparing tokens.</content>
internal partial class NodeAgent
{
    private const int CheckBatch = 512;

    /// <summary>So often all entries are compared though no gap was found: there may be one that nobody is left to tell of.</summary>
    private static readonly long s_sweep = TimeSpan.FromMinutes(1).Ticks;

    /// <summary>Between two batches of such a comparison: 2,000 keys a second are a thousandth of what a store does, or hundredths.</summary>
    private static readonly long s_sweepPause = CheckBatch * TimeSpan.TicksPerSecond / 2000;

    /// <summary>How soon all is compared again where the token of a key was not to be had.</summary>
    private static readonly long s_unknown = TimeSpan.FromSeconds(5).Ticks;

    private static readonly long s_publisherForgotten = TimeSpan.FromMinutes(2).Ticks;

    /// <summary>
    /// What values that were made without the store were based on when a new life of it began. Tokens don't compare across lives, but one
    /// that comes back is the same record's.
    /// </summary>
    private readonly Dictionary<KeyState, long> _earlierBases = [];

    private readonly Dictionary<string, Publisher> _publishers = new(StringComparer.Ordinal);
    private long _gaps;
    private long _checkAt = long.MaxValue;
    private long _sweepAt;
    private long _recheckAt = long.MaxValue;
    private KeyState[]? _checking;
    private int _checked;
    private bool _checkAgain;
    private bool _isSweep;

    /// <summary>A gap was found, or a publisher heard for the first time: something may have been missed. Overridden only to plant a bug.</summary>
    protected virtual void OnGap()
    {
        _gaps++;
        StartCheck();
    }

    /// <summary>
    /// What an operation brought is shown now, but something was missed while it was under way, when there was nothing to check yet: the
    /// store is asked once more.
    /// </summary>
    private void VerifyAcrossGap(StoreCall call)
    {
        if (call.GapsAtIssue != _gaps)
            Peek(call.State!, null);
    }

    /// <summary>Something may have been missed: compares the tokens of all that memory shows with the store's, batch by batch.</summary>
    private void StartCheck()
    {
        if (_checking is not null)
        {
            // A sweep that goes on slowly makes haste now.
            _checkAgain = true;
            if (_isSweep && _checkAt != long.MaxValue)
                _checkAt = _now;
            _isSweep = false;
            return;
        }

        BeginCheck(isSweep: false);
    }

    /// <summary>Nothing is known to be missed: the same, at a pace that the store doesn't feel however many keys and nodes there are.</summary>
    private void StartSweep()
    {
        if (_checking is null)
            BeginCheck(isSweep: true);
    }

    private void BeginCheck(bool isSweep)
    {
        _isSweep = isSweep;
        _sweepAt = _now + s_sweep;
        _checking = [.. _keys.Values.Where(s => s.InMemory)];
        if (_lives.Length > 1)
            Array.Sort(_checking, static (x, y) => x.Part.CompareTo(y.Part));
        _checked = 0;
        _checkAgain = false;
        _checkAt = _now;
    }

    private void ServeCheck()
    {
        if (_checkAt > _now)
            return;
        _checkAt = long.MaxValue;
        if (_checking is null || _checked >= _checking.Length)
        {
            _checking = null;
            if (_checkAgain)
            {
                StartCheck();
                ServeCheck();
            }

            return;
        }

        var part = _checking[_checked].Part;
        var end = _checked + 1;
        while (end < _checking.Length && end - _checked < CheckBatch && _checking[end].Part == part)
            end++;
        var batch = _checking[_checked..end];
        Send(new StoreCall { Keys = Array.ConvertAll(batch, s => s.Key), Checked = batch, Part = part, IssuedAt = _now });
    }

    private void OnChecked(StoreCall call, CheckAnswer? answer)
    {
        if (answer is null)
        {
            _checkAt = _now + s_repairDelay;
            if (_lives.Length > 1)
            {
                // The other parts needn't wait for this one.
                _checked += call.Checked!.Length;
                _checkAgain = true;
            }

            return;
        }

        for (var i = 0; i < answer.Checks.Count; i++)
            Compare(call.Checked![i], answer.Checks[i]);

        // As long as it took nothing is asked: the store has half of its time for others at the least.
        _checked += answer.Checks.Count;
        var pause = _isSweep ? s_sweepPause : _now - call.IssuedAt;
        _checkAt = _checked < _checking!.Length ? _now + pause : _now;
    }

    private void OnProbed(StoreCall call, CheckAnswer? answer)
    {
        if (answer is not null && call.Checked is [var state])
            Compare(state, answer.Checks[0]);
    }

    private void Compare(KeyState state, TokenCheck check)
    {
        if (!state.InMemory)
            return;
        if (check.IsUnknown)
        {
            // Its server doesn't answer, though others do.
            _recheckAt = Math.Min(_recheckAt, _now + s_unknown);
            return;
        }

        if (check.Token > state.NewestHeard && check.IsRemoved)
            HearRemoved(state, check.Token);
        else if (check.Token > state.NewestHeard)
            NoteToken(state, check.Token);
        else if (check.Token == 0)
            LoseRecord(state);
        if (state.IsOutdated || state.Uncommitted)
            DueAgainIn(state, 0);
        Settle(state);
    }

    /// <summary>
    /// The store no longer holds what memory shows, though its time has not come: evicted there, or removed so long ago that the tombstone is
    /// gone too. What is regenerated here is claimed anew and served until then; the next reader of anything else asks the store.
    /// </summary>
    private void LoseRecord(KeyState state)
    {
        if (state.Source is { Profile.IsScheduled: true })
            state.Uncommitted = true;
        else if (!state.Uncommitted)
            Forget(state);
    }

    /// <summary>
    /// The store has begun a new life: it may have lost or turned back what it had accepted, and its tokens compare no longer. What memory
    /// shows goes on being served as if uncommitted; a record or tombstone of the new life wins. Overridden only to plant a bug.
    /// </summary>
    protected virtual void NoteLife(int part, string life)
    {
        if (life == _lives[part])
            return;
        var isFirst = _lives[part].Length == 0;
        _lives[part] = life;

        // Nodes that give the part back what they have may be later with theirs than this one is with its comparison.
        if (IsStoreInShards)
            _recheckAt = Math.Min(_recheckAt, _now + (2 * s_repairDelay));
        if (isFirst)
            return;
        if (IsStoreInShards)
            TellKept(part);

        // Tokens say nothing any more of what is newer: removals win, and sets where nothing newer by the store's clock is there.
        foreach (var latest in _open.Values)
        {
            for (var change = latest; change is not null && change.State.Part == part; change = change.NextOpen)
                change.Observed = change.Payload is null ? long.MaxValue : 0;
        }

        foreach (var state in IsStoreInShards ? _ofShard.Of(part) : _keys.Values)
        {
            if (state.Part != part)
                continue;
            state.NewestHeard = 0;
            if (state.Flight is { Phase: FlightPhase.Running or FlightPhase.Committing } flight)
                Seal(flight);
            else if (state.Flight is { Phase: FlightPhase.Waiting } waiting)
                waiting.WakeAt = _now;
            if (state is { InMemory: true, Uncommitted: true, Token: not 0 })
                _earlierBases[state] = state.Token;
            if (state.InMemory)
                state.Uncommitted = true;
            state.Token = 0;
            if (state.Flight is { } asking)
            {
                asking.Observed = asking.Awaited = 0;
                Queue(asking);
            }

            KeepDue(state);
            Queue(state);
        }

        StartCheck();
    }

    private void Follow(CacheNotification heard)
    {
        OnSignOfLife(heard.Publisher);
        if (!_publishers.TryGetValue(heard.Publisher, out var publisher))
        {
            _publishers.Add(heard.Publisher, publisher = new Publisher());
            publisher.Last = heard.Sequence;

            // Of one that has said nothing yet, or says its first, nothing was missed: nodes that start cost the others no comparison.
            if (heard.Sequence > (heard.Kind == NotificationKind.Heartbeat ? 0 : 1))
                OnGap();
        }
        else if (heard.Sequence > publisher.Last)
        {
            var isNext = heard.Sequence == publisher.Last + 1 && heard.Kind != NotificationKind.Heartbeat;
            publisher.Last = heard.Sequence;
            if (!isNext)
                OnGap();
        }

        publisher.HeardAt = _now;
        publisher.SilentAt = _now + (4 * _settings.Heartbeat);
    }

    private sealed class Publisher
    {
        public long Last { get; set; }

        public long HeardAt { get; set; }

        /// <summary>When it counts as silent, should nothing more be heard of it.</summary>
        public long SilentAt { get; set; }
    }
}
