namespace AkkaRegenCache.Protocol;

/// <content>What must be gone when nothing is asked any more.</content>
internal sealed partial class NodeAgent
{
    /// <summary>Keys with flights, claims or waiters left over, for the simulator's final check.</summary>
    internal IEnumerable<string> Leftovers()
    {
        foreach (var state in _kernel.Keys.Values)
        {
            if (state.Flight is { } flight)
                yield return $"{state.Key}: flight {flight.Phase}, waiters {flight.Waiters is not null}";
            if (state.Pending != 0)
                yield return $"{state.Key}: {state.Pending} operations pending";
        }

        foreach (var flight in _flights.Runs.Values)
            yield return $"{flight.State.Key}: run {flight.RunId}";
        if (_held.Held.Count != 0)
            yield return $"{_held.Held.Count} claims held";
        if (_scheduling.Background != 0)
            yield return $"{_scheduling.Background} background places taken";
        if (_places.Taken != 0 || _places.Line.Count != 0)
            yield return $"{_places.Taken} places taken, {_places.Line.Count} in the line";
        if (_queues.KeyCount != 0 || _queues.Count != 0 || _writes.Flushing != 0 || _gate.DeferredKeys != 0)
            yield return $"{_queues.Count} changes in {_queues.KeyCount} queues, {_writes.Flushing} on their way, "
                + $"{_gate.DeferredKeys} keys' calls behind them";
    }
}
