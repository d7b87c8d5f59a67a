namespace AkkaRegenCache.Protocol;

/// <summary>
/// The keys of each shard, for work on one shard: a coordinator's resync, or a new epoch of a partition. So a million keys in 64 shards are
/// not searched 64 times. The links are in the keys. Not thread-safe.
/// </summary>
internal sealed class ShardKeys(int shards)
{
    private readonly KeyState?[] _first = new KeyState?[shards];

    public void Add(KeyState state)
    {
        if (state.Shard >= _first.Length)
            return;
        state.NextInShard = _first[state.Shard];
        if (state.NextInShard is { } next)
            next.PreviousInShard = state;
        _first[state.Shard] = state;
    }

    public void Remove(KeyState state)
    {
        if (state.Shard >= _first.Length)
            return;
        if (state.PreviousInShard is { } previous)
            previous.NextInShard = state.NextInShard;
        else
            _first[state.Shard] = state.NextInShard;
        if (state.NextInShard is { } next)
            next.PreviousInShard = state.PreviousInShard;
        state.NextInShard = state.PreviousInShard = null;
    }

    /// <summary>Whether a shard has any key.</summary>
    public bool IsAny(int shard) => _first[shard] is not null;

    /// <summary>The keys of a shard, newest first.</summary>
    public IEnumerable<KeyState> Of(int shard)
    {
        for (var state = _first[shard]; state is not null; state = state.NextInShard)
            yield return state;
    }
}
