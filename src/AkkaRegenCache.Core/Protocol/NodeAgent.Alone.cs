namespace AkkaRegenCache.Protocol;

/// <content>The cluster is over for this node: it goes on as layer 0, with its store alone.</content>
internal partial class NodeAgent
{
    private bool _isAlone;

    /// <summary>Whether somebody else may keep the due times of this node's keys.</summary>
    private bool HasCoordinators => _settings.Shards > 0 && !_isAlone;

    /// <summary>
    /// Nobody tells this node anything any more, and it was perhaps about to leave: what it had given up is its own again, and it asks the
    /// store for what it waited to be told.
    /// </summary>
    private void GoOnAlone()
    {
        _isAlone = true;
        _isDraining = false;
        _hasDrained = false;

        // Where the store is another one from now on, it counts as down no longer than the first answer takes.
        if (_breaker.IsOpen && _breaker.ProbeAt != long.MaxValue)
            Probe();
        foreach (var state in _keys.Values.ToArray())
        {
            if (state.Flight is { Phase: FlightPhase.Waiting } flight)
            {
                flight.WakeAt = _now;
                Queue(flight);
            }

            // What was due while the node was leaving, somebody else was to see to.
            if (state is { DueAt: long.MaxValue, Flight: null, Ready: false, InMemory: true } && (!state.Unscheduled || state.Uncommitted))
                DueAgainIn(state, Random(s_spread));
            Settle(state);
        }

        _publishers.Clear();
        StartCheck();
    }
}
