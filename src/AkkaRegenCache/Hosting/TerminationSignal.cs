using System.Runtime.InteropServices;
using Akka.Actor;
using Akka.Event;

namespace AkkaRegenCache.Hosting;

/// <summary>
/// SIGTERM in a program without a Generic Host: all its actor systems leave, and then the process ends. Akka's own handler only does the
/// first. Without it, .NET 10 ends a plain console program at once.
/// </summary>
internal static class TerminationSignal
{
    /// <summary>How long the program has to end by itself after the actor systems have ended.</summary>
    private static readonly TimeSpan s_ownEnd = TimeSpan.FromSeconds(5);

    private const int TerminatedBySignal = 128 + 15;

    private static readonly HashSet<ActorSystem> s_systems = [];
    private static PosixSignalRegistration? s_registration;
    private static volatile bool s_hasCome;

    /// <summary>Whether the signal has arrived: the process is about to end.</summary>
    public static bool HasCome => s_hasCome;

    /// <summary>Handles the signal: the actor system leaves, and then the process ends. Several calls for one system count once.</summary>
    public static void Handle(ActorSystem system)
    {
        lock (s_systems)
        {
            if (!s_systems.Add(system))
                return;
            s_registration ??= PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
        }

        system.RegisterOnTermination(() => Forget(system));
    }

    /// <summary>Ends the systems, even if that fails, waits for the program to end by itself, and then ends the process.</summary>
    internal static async Task LeaveAsync(IReadOnlyCollection<ActorSystem> systems, TimeSpan ownEnd, Action<int> exit)
    {
        await Task.WhenAll(systems.Select(system => LeaveAsync(system, ownEnd))).ConfigureAwait(false);
        await Task.Delay(ownEnd).ConfigureAwait(false);
        exit(TerminatedBySignal);
    }

    private static void OnSignal(PosixSignalContext context)
    {
        context.Cancel = true;
        s_hasCome = true;
        ActorSystem[] systems;
        lock (s_systems)
            systems = [.. s_systems];
        _ = LeaveAsync(systems, s_ownEnd, Environment.Exit);
    }

    /// <summary>Never fails: after a handled signal the process must end, or it would be killed.</summary>
    private static async Task LeaveAsync(ActorSystem system, TimeSpan patience)
    {
        try
        {
            await CoordinatedShutdown.Get(system).Run(CoordinatedShutdown.ClrExitReason.Instance).ConfigureAwait(false);

            // Terminates the system even if the shutdown's configuration does not; a system that does not end is not awaited.
            await system.Terminate().WaitAsync(patience).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            system.Log.Error(e, "The actor system could not leave in order.");
        }
    }

    private static void Forget(ActorSystem system)
    {
        PosixSignalRegistration? last = null;
        lock (s_systems)
        {
            s_systems.Remove(system);
            if (s_systems.Count == 0)
                (last, s_registration) = (s_registration, null);
        }

        last?.Dispose();
    }
}
