namespace AkkaRegenCache.Storage;

/// <summary>
/// The first answers to recent mutations, so that a repeat after a lost answer is not a second change. It remembers mutations that changed
/// something or were finally superseded; repeating any other is harmless.
/// </summary>
/// <param name="kept">How long an answer is kept, in ticks; 0: none is kept, if no answer can be lost.</param>
internal sealed class OperationMemory(long kept)
{
    private readonly Dictionary<OperationId, StoreAnswer> _answers = [];
    private readonly Queue<(long Until, OperationId Operation)> _order = new();

    /// <summary>How long an answer is kept, in ticks.</summary>
    public long Kept => kept;

    public bool TryRecall(OperationId operation, out StoreAnswer first) => _answers.TryGetValue(operation, out first!);

    public void Remember(OperationId operation, StoreAnswer answer, long now)
    {
        if (kept > 0 && _answers.TryAdd(operation, answer))
            _order.Enqueue((now + kept, operation));
    }

    /// <summary>Forgets a few expired answers. Called at each operation, this keeps up with the new ones.</summary>
    public void Forget(long now)
    {
        for (var i = 0; i < 4 && _order.TryPeek(out var oldest) && oldest.Until < now; i++)
            _answers.Remove(_order.Dequeue().Operation);
    }

    /// <summary>Forgets all expired answers.</summary>
    public void ForgetAll(long now)
    {
        while (_order.TryPeek(out var oldest) && oldest.Until < now)
            _answers.Remove(_order.Dequeue().Operation);
    }

    /// <summary>The remembered answers, oldest first.</summary>
    public IEnumerable<HandoffOperation> Export(long now) =>
        from item in _order
        where item.Until > now
        select new HandoffOperation(item.Operation, _answers[item.Operation], TimeSpan.FromTicks(item.Until - now));
}
