namespace AkkaRegenCache.Protocol;

/// <summary>The pending changes of each key, oldest first: this node shows them, and the store has not accepted them yet.</summary>
internal sealed class ChangeQueues
{
    private readonly Dictionary<KeyState, List<PendingChange>> _queues = [];

    /// <summary>The number of pending changes.</summary>
    public int Count { get; private set; }

    /// <summary>The number of keys with pending changes.</summary>
    public int KeyCount => _queues.Count;

    /// <summary>The pending changes of a key; null: none.</summary>
    public List<PendingChange>? Of(KeyState state) => _queues.Count > 0 ? _queues.GetValueOrDefault(state) : null;

    /// <summary>The first change of each key.</summary>
    public IEnumerable<PendingChange> First() => _queues.Values.Select(static queue => queue[0]);

    /// <summary>The newest change that this node shows and the store has not taken; null: none.</summary>
    public PendingChange? LastApplied(KeyState state) =>
        Of(state)?.FindLast(static c => c is { IsApplied: true, SupersededBy: 0 });

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

    /// <summary>Removes a change from its queue.</summary>
    /// <returns>The rest of the queue; null: it is empty.</returns>
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
