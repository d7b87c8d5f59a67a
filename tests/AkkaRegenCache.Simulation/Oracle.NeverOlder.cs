namespace AkkaRegenCache.Simulation;

/// <content>
/// What a node shows and answers never goes from one value to an older one under the same token: several values can share one, that of what
/// they are newer than, where they were made without the store or aren't answered for by it yet.
/// </content>
/// <remarks>
/// Exceptions: what memory had no room for (the store has but the older one), what a generator has ended that wants its value not to be
/// kept, and what a change may have ended that failed because too many wait already. A value that was set is no part of this (when it
/// counts as begun depends on when the store took it), and what is shown after it is measured by what it has lost to. Across lives only a
/// record is compared that was given back to a partition of the store: it has the token that it had, and what was made since is newer.
/// </remarks>
internal sealed partial class Oracle
{
    private readonly Dictionary<(string Node, string Key), Newest> _newest = [];
    private readonly HashSet<(string Node, long Value)> _setsShown = [];

    /// <summary>A value is not to be kept, for one of these reasons.</summary>
    public void LetGo(SimNode node, string key) => _newest.Remove((node.Id, key));

    /// <summary>The time of a value is over: an older one's may not be, where the store's clock was set.</summary>
    public void Ended(SimNode node, string key)
    {
        if (_clockStepped)
            LetGo(node, key);
    }

    /// <summary>A caller that waited is given a value, and not by memory.</summary>
    public void NotOlderThanShown(SimCall call, SimValue given, long token)
    {
        if (_newest.TryGetValue((call.Node.Id, call.Key), out var newest) && newest.Since < call.AskedAt)
            CheckNotOlder(call.Node, call.Key, newest, given, token);
    }

    private void NotesShown(SimNode node, string key, SimValue value, long token)
    {
        var place = (node.Id, key);
        if (value.IsSet)
        {
            // Once: what is made after it is not covered by it again.
            if (_setsShown.Add((node.Id, value.Id)))
                LetGo(node, key);
            return;
        }

        if (_newest.TryGetValue(place, out var newest))
            CheckNotOlder(node, key, newest, value, token);
        if (newest is null || newest.Token != token || newest.Epoch != EpochOn(node, key) || newest.Value.BornAt <= value.BornAt)
            _newest[place] = new Newest(token, EpochOn(node, key), value, world.Now);
    }

    private void CheckNotOlder(SimNode node, string key, Newest newest, SimValue value, long token)
    {
        if (newest.Token != token || value.BornAt >= newest.Value.BornAt || value.IsSet)
            return;

        // A replica that took over may give a token out again.
        var isSameEpoch = newest.Epoch == EpochOn(node, key);
        if (!isSameEpoch && (token == 0 || world.Options.FailOverEvery > 0))
            return;
        world.Fail($"6: {node.Id} goes back from {newest.Value} to {value}, both under token {token}{(isSameEpoch ? "" : ", in another epoch of the store")}");
    }

    private string EpochOn(SimNode node, string key) => node.Agent.EpochOf(world.Store.PartitionOf(key));

    private sealed record Newest(long Token, string Epoch, SimValue Value, long Since);
}
