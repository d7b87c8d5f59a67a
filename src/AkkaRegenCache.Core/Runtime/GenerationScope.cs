using AkkaRegenCache.Notifications;
using AkkaRegenCache.Protocol;

namespace AkkaRegenCache.Runtime;

/// <summary>
/// A run of a generator, as the calls inside it see it: it flows with their execution context. So a generator that waits for its own key is
/// detected when it asks (directly, or through other keys and caches of this process) or soon after (through other nodes), and not by the
/// generation deadline. Thread-safe.
/// </summary>
/// <remarks>
/// A run waits for the keys that were asked for inside it and are not answered yet. An edge that would close a circle of runs is refused:
/// deadlock detection in a wait-for graph, as in databases. Circles through other nodes are found by the agent, whose probes follow these
/// edges (<see cref="Protocol.WaitProbes"/>). It is not known whether a generator awaits a call. Code that starts independent work in a
/// generator suppresses the flow of the execution context.
/// </remarks>
internal sealed class GenerationScope(NodeShell shell, string key)
{
    private static readonly AsyncLocal<GenerationScope?> s_current = new();

    /// <summary>Guards the edges of all runs. Only misses inside generators take it.</summary>
    private static readonly Lock s_gate = new();

    private readonly List<(NodeShell On, Call Call)> _waitsFor = [];
    private bool _hasEnded;

    /// <summary>The run that this code is part of; null: none, or one that has ended.</summary>
    public static GenerationScope? Current => s_current.Value;

    /// <summary>Whether the run has not ended.</summary>
    public bool IsRunning => !Volatile.Read(ref _hasEnded);

    /// <summary>Whether it only waits for known calls of caches, as far as can be seen here; for tests.</summary>
    public bool OnlyWaits
    {
        get
        {
            lock (s_gate)
                return _waitsFor.Count > 0 && _waitsFor.TrueForAll(static wait => wait.Call is { Deadline: not 0, IsAnswered: false });
        }
    }

    /// <summary>All later calls in this execution context are part of the run.</summary>
    public void Enter() => s_current.Value = this;

    /// <summary>The run has ended: calls that go on after it are not part of it.</summary>
    public void End()
    {
        lock (s_gate)
            _hasEnded = true;
    }

    /// <summary>Records that the run waits for a call's key, until the task is done.</summary>
    /// /// <exception cref="InvalidOperationException">The key's run waits for this one; the message names the keys in between.</exception>
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

    /// <summary>Passes a probe on to everything that the run waits for.</summary>
    /// <param name="probe">The probe; null: the waits send their own.</param>
    public void Pass(WaitProbe? probe)
    {
        (NodeShell On, Call Call)[] waits;
        lock (s_gate)
            waits = _hasEnded ? [] : [.. _waitsFor];
        var past = probe?.Past(key);
        foreach (var (on, call) in waits)
            on.Post(Peer.Generators, new WaitProbed(call, past));
    }

    /// <summary>The error of a call inside a generator that would wait for its own generator.</summary>
    /// <param name="path">The keys from the one it asks for to that of its generator.</param>
    public static InvalidOperationException Deadlock(IReadOnlyList<string> path) => new(
        $"The generator of '{path[^1]}' asks for '{path[0]}', which waits for it: "
        + $"{string.Join(" → ", path.Prepend(path[^1]).Select(k => $"'{k}'"))}. "
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

    /// <summary>The keys from one to this run's own, through runs that wait for each other; null: there is no such path.</summary>
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
