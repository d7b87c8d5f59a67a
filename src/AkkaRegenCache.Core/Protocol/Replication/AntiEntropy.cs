using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>What may have been missed: compares the tokens of all that memory shows with the store's, batch by batch.</summary>
/// <remarks>
/// After a gap at once, with pauses as long as the store took; once a minute though nothing is known to be missed, at a pace that the store doesn't feel: anti-entropy, as Demers
/// et al. called it (Epidemic Algorithms for Replicated Database Maintenance, 1987).
/// </remarks>
internal sealed class AntiEntropy(Kernel kernel, StoreGate storeGate, Shown shown, Scheduling scheduling, Records records) : Component(kernel)
{
    private const int CheckBatch = 512;

    /// <summary>So often all entries are compared though no gap was found: there may be one that nobody is left to tell of.</summary>
    public static readonly long Sweep = TimeSpan.FromMinutes(1).Ticks;

    /// <summary>Between two batches of such a comparison: 2,000 keys a second are a thousandth of what a store does, or hundredths.</summary>
    private static readonly long s_sweepPause = CheckBatch * TimeSpan.TicksPerSecond / 2000;

    /// <summary>How soon all is compared again where the token of a key was not to be had.</summary>
    private static readonly long s_unknown = TimeSpan.FromSeconds(5).Ticks;

    public long CheckAt { get; set; } = long.MaxValue;

    public long SweepAt { get; set; }

    public long RecheckAt { get; set; } = long.MaxValue;

    private KeyState[]? _compared;

    private int _checked;

    private bool _checkAgain;

    private bool _isSweep;

    /// <summary>A gap was found, or a publisher heard for the first time: something may have been missed.</summary>
    public void OnGap()
    {
        if (Kernel.Omits(Step.NoteGap))
            return;
        Kernel.Gaps++;
        StartCheck();
    }

    /// <summary>Something may have been missed: compares the tokens of all that memory shows with the store's, batch by batch.</summary>
    public void StartCheck()
    {
        if (_compared is not null)
        {
            // A sweep that goes on slowly makes haste now.
            _checkAgain = true;
            if (_isSweep && CheckAt != long.MaxValue)
                CheckAt = Now;
            _isSweep = false;
            return;
        }

        BeginCheck(isSweep: false);
    }

    /// <summary>Nothing is known to be missed: the same, at a pace that the store doesn't feel however many keys and nodes there are.</summary>
    public void StartSweep()
    {
        if (_compared is null)
            BeginCheck(isSweep: true);
    }

    /// <summary>The store is back: what waited for it goes on.</summary>
    public void OnStoreBack()
    {
        if (CheckAt != long.MaxValue)
            CheckAt = Now;
    }

    /// <summary>Compares again in a while.</summary>
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

        var part = _compared[_checked].Partition;
        var end = _checked + 1;
        while (end < _compared.Length && end - _checked < CheckBatch && _compared[end].Partition == part)
            end++;
        var batch = _compared[_checked..end];
        storeGate.Send(new CheckCall { Keys = Array.ConvertAll(batch, s => s.Key), Checked = batch, Partition = part, IssuedAt = Now });
    }

    public void OnChecked(CheckCall call, CheckAnswer? answer)
    {
        if (answer is null)
        {
            CheckAt = Now + Delays.Repair;
            if (Kernel.Epochs.Length > 1)
            {
                // The other parts needn't wait for this one.
                _checked += call.Checked.Length;
                _checkAgain = true;
            }

            return;
        }

        for (var i = 0; i < answer.Checks.Count; i++)
            Compare(call.Checked[i], answer.Checks[i]);

        // As long as it took nothing is asked: the store has half of its time for others at the least.
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
            // Its server doesn't answer, though others do.
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
