using AkkaRegenCache.Notifications;
using AkkaRegenCache.Protocol;

namespace AkkaRegenCache.Runtime;

/// <summary>
/// A run of a generator, as the calls inside it know it: it flows with them. With it a generator that waits for its own key is found when it asks, directly or
/// by way of other keys and caches of this process, and by way of other nodes soon after; not by the generation deadline. Thread-safe.
/// </summary>
/// <remarks>
/// A run waits for the keys that were asked for inside it and are not answered yet. An edge that closes a circle of runs is refused: deadlock
/// detection in a wait-for graph, as databases do it for locks. Circles through other nodes are found by the agent, which has probes follow these
/// edges (<see cref="Protocol.WaitProbes"/>). Whether a generator awaits what it has asked for can't be known: who starts work of its own in a generator
/// and lets it go on beside it suppresses the flow of the execution context.
/// </remarks>
internal sealed class GenerationScope(NodeShell shell, string key)
{
    private static readonly AsyncLocal<GenerationScope?> s_current = new();

    /// <summary>Guards the edges of all runs: only misses inside generators come here.</summary>
    private static readonly Lock s_gate = new();

    private readonly List<(NodeShell On, Call Call)> _waitsFor = [];
    private bool _hasEnded;

    /// <summary>The run that this code is part of; null: none, or one that has ended.</summary>
    public static GenerationScope? Current => s_current.Value;

    /// <summary>Whether the run goes on.</summary>
    public bool IsRunning => !Volatile.Read(ref _hasEnded);

    /// <summary>Whether it waits for caches that know of it, and for nothing else that is seen here; for tests.</summary>
    public bool OnlyWaits
    {
        get
        {
            lock (s_gate)
                return _waitsFor.Count > 0 && _waitsFor.TrueForAll(static wait => wait.Call is { Deadline: not 0, IsAnswered: false });
        }
    }

    /// <summary>All that is called from now on in this execution context is part of the run.</summary>
    public void Enter() => s_current.Value = this;

    /// <summary>The run has ended: what it has started and goes on is no part of it any more.</summary>
    public void End()
    {
        lock (s_gate)
            _hasEnded = true;
    }

    /// <summary>Notes that the run waits for a call's key, until the task is done.</summary>
    /// <exception cref="InvalidOperationException">The key's run waits for this one; the message names the keys between.</exception>
    public Task<T> Wait<T>(NodeShell on, Call call, Func<Task<T>> ask)
    {
        lock (s_gate)
        {
            if (_hasEnded)
                return ask();
            if (PathTo(on, call.Key, []) is { } path)
                throw Deadlock(path);
            _waitsFor.Add((on, call));
        }

        return WaitAsync((on, call), ask);
    }

    /// <summary>Hands a probe to all that the run waits for.</summary>
    /// <param name="probe">The probe; null: they send their own.</param>
    public void Pass(WaitProbe? probe)
    {
        (NodeShell On, Call Call)[] waits;
        lock (s_gate)
            waits = _hasEnded ? [] : [.. _waitsFor];
        var past = probe?.Past(key);
        foreach (var (on, call) in waits)
            on.Post(Peer.Generators, new WaitProbed(call, past));
    }

    /// <summary>What a call inside a generator gets that would wait for its generator.</summary>
    /// <param name="path">The keys from the one it asks for to that of its generator.</param>
    public static InvalidOperationException Deadlock(IReadOnlyList<string> path) => new(
        $"The generator of '{path[^1]}' asks for '{path[0]}', which waits for it: {string.Join(" → ", path.Prepend(path[^1]).Select(k => $"'{k}'"))}. "
        + "It would wait for itself. Let it take what it needs from its source, or from a key that doesn't need this one.");

    private async Task<T> WaitAsync<T>((NodeShell, Call) edge, Func<Task<T>> ask)
    {
        try
        {
            return await ask().ConfigureAwait(false);
        }
        finally
        {
            lock (s_gate)
                _waitsFor.Remove(edge);
        }
    }

    /// <summary>The keys from one to this run's own, by way of runs that wait for each other; null: there is no such way.</summary>
    private List<string>? PathTo(NodeShell on, string from, HashSet<(NodeShell, string)> seen)
    {
        if (on == shell && from == key)
            return [key];
        if (!seen.Add((on, from)))
            return null;
        foreach (var scope in on.Runs.ScopesOf(from))
        {
            foreach (var (nextOn, next) in scope._waitsFor)
            {
                if (PathTo(nextOn, next.Key, seen) is { } path)
                {
                    path.Insert(0, from);
                    return path;
                }
            }
        }

        return null;
    }
}
