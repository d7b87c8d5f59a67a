using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>Probes the store: whether it is available, and whether its epoch is still the same.</summary>
/// <remarks>
/// Probes are sent while the breaker is suspicious or open. A node that serves everything from memory also sends one now and then;
/// otherwise it would not notice that the store has lost its data. The partitions of a store are probed one by one, because each has its
/// own epoch.
/// </remarks>
internal sealed class StoreHealth(Kernel kernel, StoreGate storeGate) : Component(kernel)
{
    /// <summary>After this time without any call, the store is probed for its epoch.</summary>
    private static readonly long s_quiet = TimeSpan.FromSeconds(2).Ticks;

    private const int PartsAskedAtOnce = 4;

    /// <summary>The same for one partition of a store.</summary>
    private static readonly long s_partitionQuiet = TimeSpan.FromSeconds(8).Ticks;

    private bool _probesWanted;

    private int _lastPartition;

    public void ServeProbe()
    {
        if (storeGate.Breaker.ProbeAt <= Now)
            Probe();
    }

    public void Probe()
    {
        storeGate.Breaker.OnProbing();
        var state = Kernel.Epochs.Length > 1 ? NextSample() : NextProbed();
        storeGate.Send(new ProbeCall
        {
            Keys = [state?.Key ?? "?"],
            Checked = state is null ? [] : [state],
            IsOfBreaker = true,
            Partition = state?.Partition ?? Kernel.PartitionOf("?"),
            IssuedAt = Now,
        });
    }

    /// <summary>
    /// One dead server of several (a master of a Redis Cluster) must not count as the whole store. So the probe asks for the key that was
    /// answered last; while the breaker is open, every other probe asks for the key that a caller wanted.
    /// </summary>
    private KeyState? NextProbed()
    {
        _probesWanted = storeGate.Breaker.IsOpen && !_probesWanted;
        var (first, second) = _probesWanted ? (storeGate.Wanted, storeGate.Answered) : (storeGate.Answered, storeGate.Wanted);
        return first is { IsGone: false } ? first
            : second is { IsGone: false } ? second
            : Kernel.Keys.Count > 0 ? Kernel.Keys.Values.First() : null;
    }

    /// <summary>
    /// A node that serves everything from memory does not notice a new epoch of the store, and would go on showing values that the store
    /// has lost. So it probes now and then.
    /// </summary>
    public void ProbeIfQuiet()
    {
        if (Kernel.Epochs.Length > 1)
        {
            ProbeQuietPartitions();
            return;
        }

        if (Now - storeGate.AskedAt < s_quiet || Kernel.Keys.Count == 0 || storeGate.Breaker.IsOpen
            || storeGate.Breaker.ProbeAt != long.MaxValue)
            return;
        Probe();
    }

    /// <summary>The same for each partition of a store, a few at a time, because each has its own epoch.</summary>
    private void ProbeQuietPartitions()
    {
        for (var (i, asked) = (0, 0); i < Kernel.Epochs.Length && asked < PartsAskedAtOnce; i++)
        {
            _lastPartition = (_lastPartition + 1) % Kernel.Epochs.Length;
            if (Now - storeGate.PartitionsAskedAt[_lastPartition] < s_partitionQuiet || Kernel.SampleOf(_lastPartition) is not { } sample)
                continue;
            asked++;
            storeGate.Send(new ProbeCall { Keys = [sample.Key], Checked = [sample], Partition = _lastPartition, IssuedAt = Now });
        }
    }

    /// <summary>
    /// A key of another partition than the last time: one partition that does not answer must not count as the whole store.
    /// </summary>
    private KeyState? NextSample()
    {
        for (var i = 0; i < Kernel.Epochs.Length; i++)
        {
            _lastPartition = (_lastPartition + 1) % Kernel.Epochs.Length;
            if (Kernel.SampleOf(_lastPartition) is { } sample)
                return sample;
        }

        return null;
    }

    /// <summary>The store's epoch as this node knows it, for the simulator's checks.</summary>
    internal string EpochOf(int partition) => Kernel.Epochs[partition];
}
