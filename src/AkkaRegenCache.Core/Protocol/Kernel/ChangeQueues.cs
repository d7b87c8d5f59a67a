namespace AkkaRegenCache.Protocol;

/// <summary>The changes of each key that wait for the store, oldest first: what this node shows and the store doesn't know yet.</summary>
internal sealed class ChangeQueues
{
    private readonly Dictionary<KeyState, List<PendingChange>> _queues = [];

    /// <summary>How many changes wait.</summary>
    public int Count { get; private set; }

    /// <summary>How many keys have changes that wait.</summary>
    public int KeyCount => _queues.Count;

    /// <summary>The changes of a key; null: none waits.</summary>
    public List<PendingChange>? Of(KeyState state) => _queues.Count > 0 ? _queues.GetValueOrDefault(state) : null;

    /// <summary>The first change of each key.</summary>
    public IEnumerable<PendingChange> First() => _queues.Values.Select(static queue => queue[0]);

    /// <summary>The newest change that this node shows and the store hasn't taken; null: none.</summary>
    public PendingChange? LastApplied(KeyState state) =>
        Of(state)?.FindLast(static c => c is { IsApplied: true, OvertakenBy: 0 });

    /// <summary>Whether it is this change's turn.</summary>
    public bool IsNext(PendingChange change) =>
        change is { IsResolved: false, IsInFlight: false } && (!change.IsQueued || _queues[change.State][0] == change);

    public void Enqueue(PendingChange change)
    {
        if (!_queues.TryGetValue(change.State, out var queue))
            _queues.Add(change.State, queue = []);
        var at = queue.Count;
        while (at > 0 && queue[at - 1].Number > change.Number)
            at--;
        queue.Insert(at, change);
        change.IsQueued = true;
        Count++;
    }

    /// <summary>Takes a change out of its queue.</summary>
    /// <returns>What is left of it; null: nothing.</returns>
    public List<PendingChange>? Dequeue(PendingChange change)
    {
        if (!_queues.TryGetValue(change.State, out var queue))
            return null;
        if (change.IsQueued && queue.Remove(change))
        {
            change.IsQueued = false;
            Count--;
        }

        if (queue.Count > 0)
            return queue;
        _queues.Remove(change.State);
        return null;
    }
}
