using System.Runtime.InteropServices;
using Akka.Actor;
using Akka.Event;

namespace AkkaRegenCache.Hosting;

/// <summary>
/// SIGTERM in a program without a Generic Host: its actor systems leave, all of them, and then the process ends. Akka's own handler does
/// the first alone; and where it is switched off, .NET 10 ends a plain console program at once.
/// </summary>
internal static class TerminationSignal
{
    /// <summary>How long the program has to come to its own end after the actor systems have.</summary>
    private static readonly TimeSpan s_ownEnd = TimeSpan.FromSeconds(5);

    private const int TerminatedBySignal = 128 + 15;

    private static readonly HashSet<ActorSystem> s_systems = [];
    private static PosixSignalRegistration? s_registration;
    private static volatile bool s_hasCome;

    /// <summary>Whether the signal was taken: the process is about to end.</summary>
    public static bool HasCome => s_hasCome;

    /// <summary>Makes the signal end the actor system gracefully, and then the process. Several calls for one system are one.</summary>
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

    /// <summary>Ends the systems, however that goes, lets the program come to its own end, and then ends the process: nobody else would.</summary>
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

    /// <summary>Never fails: a signal that was taken and ends nothing would leave the process to be killed.</summary>
    private static async Task LeaveAsync(ActorSystem system, TimeSpan patience)
    {
        try
        {
            await CoordinatedShutdown.Get(system).Run(CoordinatedShutdown.ClrExitReason.Instance).ConfigureAwait(false);

            // A shutdown whose configuration lets the system live ends here all the same; and a system that doesn't end then is not waited for.
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
