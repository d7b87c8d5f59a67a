using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>Finds missed changes: compares the tokens of all entries in memory with the store's, in batches.</summary>
/// <remarks>
/// After a gap it runs at once, with pauses as long as each batch took. Without a gap it runs once a minute, at a rate that is negligible
/// for the store: anti-entropy (Demers et al., Epidemic Algorithms for Replicated Database Maintenance, 1987).
/// </remarks>
internal sealed class AntiEntropy(
    Kernel kernel,
    StoreGate storeGate,
    Shown shown,
    Scheduling scheduling,
    Records records) : Component(kernel)
{
    private const int CheckBatch = 512;

    /// <summary>The interval of comparisons without a known gap. A publisher that died may have left a gap that no node can see.</summary>
    public static readonly long Sweep = TimeSpan.FromMinutes(1).Ticks;

    /// <summary>
    /// The pause between two batches of such a comparison: 2,000 keys a second are at most a few hundredths of a store's capacity.
    /// </summary>
    private static readonly long s_sweepPause = CheckBatch * TimeSpan.TicksPerSecond / 2000;

    /// <summary>The delay before another comparison, if the token of a key could not be read.</summary>
    private static readonly long s_unknown = TimeSpan.FromSeconds(5).Ticks;

    public long CheckAt { get; set; } = long.MaxValue;

    public long SweepAt { get; set; }

    public long RecheckAt { get; set; } = long.MaxValue;

    private KeyState[]? _compared;

    private int _checked;

    private bool _checkAgain;

    private bool _isSweep;

    /// <summary>A gap was found, or a publisher was heard for the first time: notifications may have been missed.</summary>
    public void OnGap()
    {
        if (Kernel.Omits(Step.NoteGap))
            return;
        Kernel.Gaps++;
        StartCheck();
    }

    /// <summary>Notifications may have been missed: compares all entries in memory with the store, in batches.</summary>
    public void StartCheck()
    {
        if (_compared is not null)
        {
            // A slow sweep that is under way goes on at full speed.
            _checkAgain = true;
            if (_isSweep && CheckAt != long.MaxValue)
                CheckAt = Now;
            _isSweep = false;
            return;
        }

        BeginCheck(isSweep: false);
    }

    /// <summary>No gap is known: compares all entries slowly, whatever the number of keys and nodes.</summary>
    public void StartSweep()
    {
        if (_compared is null)
            BeginCheck(isSweep: true);
    }

    /// <summary>The store is back: a waiting comparison goes on.</summary>
    public void OnStoreBack()
    {
        if (CheckAt != long.MaxValue)
            CheckAt = Now;
    }

    /// <summary>Compares again after a delay.</summary>
    public void RecheckIn(long delay) => RecheckAt = Math.Min(RecheckAt, Now + delay);

    private void BeginCheck(bool isSweep)
    {
        _isSweep = isSweep;
        SweepAt = Now + Sweep;
        _compared = [.. Kernel.Keys.Values.Where(s => s.InMemory)];
        if (Kernel.Epochs.Length > 1)
            Array.Sort(_compared, static (x, y) => x.Partition.CompareTo(y.Partition));
        _checked = 0;
        _checkAgain = false;
        CheckAt = Now;
    }

    public void ServeCheck()
    {
        if (CheckAt > Now)
            return;
        CheckAt = long.MaxValue;
        if (_compared is null || _checked >= _compared.Length)
        {
            _compared = null;
            if (_checkAgain)
            {
                StartCheck();
                ServeCheck();
            }

            return;
        }

        var partition = _compared[_checked].Partition;
        var end = _checked + 1;
        while (end < _compared.Length && end - _checked < CheckBatch && _compared[end].Partition == partition)
            end++;
        var batch = _compared[_checked..end];
        storeGate.Send(new CheckCall { Keys = Array.ConvertAll(batch, s => s.Key), Checked = batch, Partition = partition,
            IssuedAt = Now });
    }

    public void OnChecked(CheckCall call, CheckAnswer? answer)
    {
        if (answer is null)
        {
            CheckAt = Now + Delays.Repair;
            if (Kernel.Epochs.Length > 1)
            {
                // The other partitions need not wait for this one.
                _checked += call.Checked.Length;
                _checkAgain = true;
            }

            return;
        }

        for (var i = 0; i < answer.Checks.Count; i++)
            Compare(call.Checked[i], answer.Checks[i]);

        // The pause is as long as the batch took, so the store has at least half of its time for other calls.
        _checked += answer.Checks.Count;
        var pause = _isSweep ? s_sweepPause : Now - call.IssuedAt;
        CheckAt = _checked < _compared!.Length ? Now + pause : Now;
    }

    public void OnProbed(ProbeCall call, CheckAnswer? answer)
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
            // The server of this key does not answer, although others do.
            RecheckAt = Math.Min(RecheckAt, Now + s_unknown);
            return;
        }

        if (check.Token > state.NewestHeard && check.IsRemoved)
            records.HearRemoved(state, check.Token);
        else if (check.Token > state.NewestHeard)
            shown.NoteToken(state, check.Token);
        else if (check.Token == 0)
            records.LoseRecord(state);
        if (state.IsOutdated || state.Uncommitted)
            scheduling.DueAgainIn(state, 0);
        Kernel.Settle(state);
    }
}
